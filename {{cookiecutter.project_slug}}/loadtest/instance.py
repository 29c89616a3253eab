"""A fresh instance of the application: on a temporary database, with the sample data, in production mode."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import Request, urlopen

import msgspec

from loadtest.processes import PROCESSES

PROJECT = Path(__file__).parents[1]
START_SECONDS = 60
STOP_SECONDS = 15
OK = 200
EVERY = "*"


class LoadTestError(Exception):
    """The load test can't run; the message says why and what to do."""


class Instance(msgspec.Struct):
    """What the requests go to."""

    addresses: dict[str, str]
    """By module; `*` is every other one."""
    token: str
    pids: list[int] = []
    """Of its processes, where they run here."""

    def text(self, address: str, path: str) -> str:
        """Return what `path` of one of the addresses shows to who bears the token; raise LoadTestError."""
        request = Request(address + path, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310
        try:
            with urlopen(request, timeout=5) as response:  # noqa: S310 - an address of http, see `parse_addresses`
                return response.read().decode()
        except (URLError, OSError) as error:
            raise LoadTestError(f"{address}{path} does not answer: {error}") from None


def parse_addresses(text: str) -> dict[str, str]:
    """Return the addresses of `http://one` or of `catalog=http://one,lending=http://two`; raise LoadTestError."""
    addresses = {}
    for part in text.split(","):
        module, separator, address = part.strip().rpartition("=")
        if not address.startswith(("http://", "https://")):
            raise LoadTestError(f"--host {text}: write http://address, or module=http://address,module=http://address")
        addresses[module if separator else "*"] = address.rstrip("/")
    return addresses


@contextmanager
def fresh_instance(
    processes: Mapping[str, str] = PROCESSES,
    under: Callable[[str], Sequence[str]] = lambda _module: (),
    **settings: str,
) -> Generator[Instance]:
    """Yield an instance that nobody else uses, with `settings` over those of a load test; stop it at the end.

    `under` returns arguments of Python that run the server of a module under a profiler.
    """
    addresses = {module: f"http://127.0.0.1:{free_port()}" for module in processes}
    instance = Instance(addresses, secrets.token_urlsafe(32))
    shared = {
        "API_TOKEN": instance.token,
        # Where there are several, each tells the others what happens.
        "EVENTS_TO": ",".join(f"{name}={address}" for name, address in addresses.items() if name != EVERY),
        "EVENTS_SECRET": secrets.token_urlsafe(32),
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "warning",
        "RATE_LIMIT": "1000000/second",  # the throttle is on, and the load stays below it
        "WORKER_INSIDE": "true",
        **settings,
    }
    with tempfile.TemporaryDirectory(prefix="loadtest-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        for module, main in processes.items():
            address = addresses[module]
            own = {"DATABASE_URL": f"sqlite:///{folder}/{main}.db", "PORT": address.rpartition(":")[2], **shared}
            for verb in ("migrate", "seed"):
                _run(main, verb, own)
            instance.pids.append(stack.enter_context(_serving([*under(module), "-m", main, "serve"], own, address)))
        yield instance


def _run(main: str, verb: str, settings: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", main, verb],
        cwd=PROJECT,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LoadTestError(f"{main} {verb} failed: {done.stderr.strip() or done.stdout.strip()}")


@contextmanager
def _serving(arguments: Sequence[str], settings: Mapping[str, str], address: str) -> Generator[int]:
    """Yield the process id of a server once it answers."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the load test, which stops its server then
        )
        try:
            _wait_until_ready(process, address, log)
            yield process.pid
            if process.poll() is not None:
                raise LoadTestError(f"the server ended during the load:\n{_tail(log)}")
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: IO[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/health/ready", timeout=1) as response:  # noqa: S310
                if response.status == OK:
                    return
        except OSError:
            time.sleep(0.05)  # between two looks, not instead of one
    raise LoadTestError(f"the server did not start:\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)  # as Ctrl-C does, so that a profiler still writes
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: IO[str]) -> str:
    log.seek(0)
    return log.read()[-2000:]


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    unset = {"PYTHONDONTWRITEBYTECODE", "CACHE_URL", "OPEN_LIBRARY_URL"}  # nothing outside of this machine is asked
    return {name: value for name, value in os.environ.items() if name not in unset} | dict(settings)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
