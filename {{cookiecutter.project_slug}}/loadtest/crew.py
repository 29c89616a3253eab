"""Starts the processes that send the requests, and gathers what they saw."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import msgspec

from loadtest.instance import PROJECT, Instance, LoadTestError, free_port

LOCAL = "127.0.0.1"
PORT = "5557"
GRACE_SECONDS = 60
"""How long a run may take beyond its load: to start, to be joined by workers, to end."""


class Seen(msgspec.Struct):
    """What visitors saw of an operation; times in ms."""

    requests: int
    failures: int
    widest: int
    """The most bytes that a body had, unpacked."""
    wire_bytes: int
    """Of all bodies, as they were sent."""
    most: float
    median: float
    p95: float
    p99: float


class Second(msgspec.Struct):
    """What a second of the run was like: requests and failures in it, times in ms where there was an answer."""

    at: float
    requests: float
    failures: int
    median: float | None = None
    p95: float | None = None


class Failure(msgspec.Struct):
    """A way in which requests failed."""

    operation: str
    what: str
    times: int


class Log(msgspec.Struct):
    """What all visitors saw."""

    operations: dict[str, Seen]
    history: list[Second]
    failures: list[Failure]


def send(instance: Instance, *, users: int, seconds: float, workers: int = 0, bind: str = "") -> Log:
    """Let so many visitors loose on `instance` for that time; return what they saw.

    With `workers`, that many processes send the requests: they run here, or, with an address to `bind` to, join from
    other machines (`poe load --worker`). Raises LoadTestError where the processes fail.
    """
    address = bind or f"{LOCAL}:{free_port()}"
    with ExitStack() as stack:
        for _ in range(0 if bind else workers):
            stack.enter_context(_started(instance, "--join", *_host_and_port(address)))
        options = [f"--users={users}", f"--seconds={seconds}", f"--workers={workers}"]
        driver = stack.enter_context(_started(instance, *options, "--bind", *_host_and_port(address)))
        try:
            output, errors = driver.communicate(timeout=seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise LoadTestError(f"the load did not end {GRACE_SECONDS} s after it should have") from None
        if driver.returncode:
            raise LoadTestError(f"the load failed:\n{errors.strip()[-2000:]}")
        return msgspec.convert(json.loads(output), Log)


def join(instance: Instance, master: str) -> None:
    """Send requests as the load test at the address `master` says, until it ends."""
    with _started(instance, "--join", *_host_and_port(master)) as worker:
        _, errors = worker.communicate()
        if worker.returncode:
            raise LoadTestError(f"the load test at {master} could not be joined:\n{errors.strip()[-2000:]}")


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.partition(":")
    return host, port or PORT


@contextmanager
def _started(instance: Instance, *options: str) -> Generator[subprocess.Popen[str]]:
    """Yield a process of Locust's; it is killed where it has not ended in the end."""
    settings = {"LOADTEST_ADDRESSES": json.dumps(instance.addresses), "API_TOKEN": instance.token}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "loadtest.drive", *options],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
