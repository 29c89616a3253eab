"""Runs the project's commands as processes of their own, the way a user does."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

import tests
from tests.modules import MAIN

PROJECT = Path(__file__).parents[1]
SETTINGS = {
    *("API_TOKEN", "DATABASE_URL", "CACHE_URL", "HOST", "PORT", "LOG_LEVEL", "LOG_EVERY", "REPEATED_STATEMENT"),
    *("RATE_LIMIT", "REQUEST_SECONDS", "SLOW_QUERY_MS", "TRUSTED_PROXIES", "WORKER_INSIDE", "JOB_LEASE_SECONDS"),
    *("EVENTS_SECRET", "EVENTS_TO"),
    *("GRID_PROVIDER", "GRID_ZONE", "GRID_SIGNAL", "GRID_URL", "GRID_TOKEN", "OPEN_LIBRARY_URL", "PAGES_DIR"),
}
IMPORTED_FROM = os.pathsep.join(str(Path(folder).parent) for folder in tests.__path__)
"""Where a process of its own finds what the tests define, wherever it is started."""
START_SECONDS = 30
STOP_SECONDS = 15


@dataclass
class Server:
    """A running server."""

    address: str
    process: subprocess.Popen[str]
    _log: IO[str]

    def output(self) -> str:
        """Return all that the server has printed."""
        self._log.seek(0)
        return self._log.read()

    def interrupt(self) -> int:
        """Do what Ctrl-C does, to the whole group of processes; return the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*arguments: str, folder: Path = PROJECT, main: str = MAIN, **settings: str) -> tuple[int, str, str]:
    """Return the exit status, the output and the errors of the command line with only these settings."""
    result = subprocess.run(
        _command(arguments, main),
        cwd=folder,
        env=_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


@contextmanager
def serving(verb: str, folder: Path = PROJECT, main: str = MAIN, **settings: str) -> Generator[Server]:
    """Yield a server, `dev` or `serve`, on a port of its own once it is ready; stop it at the end as Ctrl-C does."""
    with running(verb, folder, main, **settings) as server:
        _wait_until_ready(server)
        yield server


@contextmanager
def running(verb: str, folder: Path = PROJECT, main: str = MAIN, **settings: str) -> Generator[Server]:
    """Yield a command that runs until it is stopped, which it is at the end, as Ctrl-C does."""
    port = settings.setdefault("PORT", str(free_port()))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            _command((verb,), main),
            cwd=folder,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server = Server(f"http://127.0.0.1:{port}", process, log)
        try:
            yield server
        finally:
            server.interrupt()


def _command(arguments: tuple[str, ...], main: str) -> list[str]:
    return [sys.executable, "-m", main, *arguments]


def _environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return inherited | {"PYTHONPATH": IMPORTED_FROM} | settings


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx.get(f"{server.address}/health/ready", timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # between two looks, not instead of one
    raise AssertionError(f"the server did not start:\n{server.output()}")
