"""What a load run came to: what visitors saw and what the server said, side by side."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from loadtest.crew import Failure, Log, Second
from loadtest.meter import Reading
from loadtest.sci import Footprint

MEGABYTE = 10**6
HALF_A_SECOND = 0.5
"""What is shorter, at the end, says nothing."""


class Spent(msgspec.Struct):
    """What the server says an operation came to."""

    queries: float
    """A request that was not answered from the cache."""
    calls: float
    """The same of calls to other systems."""
    hits: float
    """The share of requests that was."""
    cpu_ms: float
    """A request, in its own task."""
    bytes: float
    """A request, as it was sent."""


class Operation(msgspec.Struct):
    """An operation, named as in budgets.toml; times in ms."""

    name: str
    requests: int
    failures: int
    median: float
    p95: float
    p99: float
    most: float
    widest: int
    """The most bytes that a body had, unpacked."""
    wire_bytes: int
    """Of all its bodies, as they were sent."""
    spent: Spent | None = None
    """Of a server that tells."""


class Moment(msgspec.Struct):
    """What the server did in a second."""

    at: float
    cpu: float
    """CPU-ms per second: 1,000 is one core."""
    memory: float
    """MB."""
    queries: float
    """SQL statements per second."""
    hits: float | None
    """Share of the requests that was answered from the cache."""


class Totals(msgspec.Struct):
    """What all processes of the server used while the load ran."""

    seconds: float
    cpu_seconds: float
    idle_cpu_ms: float
    """CPU-ms per second before the load."""
    memory_bytes: float
    sent_bytes: float
    cpu_ms: float
    """CPU-ms a request, all that the processes used."""
    hits: float


class Result(msgspec.Struct):
    """A run."""

    at: datetime
    machine: str
    users: int
    workers: int
    seconds: float
    operations: list[Operation]
    history: list[Second]
    failures: list[Failure]
    moments: list[Moment] = []
    totals: Totals | None = None
    footprint: Footprint | None = None
    measured_kwh: float | None = None
    """Of the whole machine, where it has a meter (RAPL)."""

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(operation.requests for operation in self.operations)


def result_of(log: Log, *, users: int, workers: int, seconds: float) -> Result:
    """Return what visitors saw."""
    operations = [
        Operation(name, **msgspec.structs.asdict(seen))
        for name, seen in sorted(log.operations.items(), key=lambda item: -item[1].requests)
    ]
    now = datetime.now(UTC).replace(microsecond=0)
    return Result(now, machine(), users, workers, seconds, operations, log.history, log.failures)


def add_server(result: Result, readings: Sequence[Reading], idle_cpu_ms: float) -> None:
    """Add what the server said in `readings`, the first before and the last after the load."""
    spent = readings[-1].since(readings[0])
    for operation in result.operations:
        operation.spent = _spent(spent, operation.name)
    result.moments = [
        _moment(readings[0].at, *pair) for pair in pairwise(readings) if pair[1].at - pair[0].at > HALF_A_SECOND
    ]
    answered = sum(spent.requests(name) for name in spent.operations)
    result.totals = Totals(
        seconds=spent.at,
        cpu_seconds=spent.cpu_seconds,
        idle_cpu_ms=idle_cpu_ms,
        memory_bytes=readings[-1].memory_bytes,
        sent_bytes=spent.total("bytes"),
        cpu_ms=spent.cpu_seconds * 1000 / max(answered, 1),
        hits=spent.total("hits") / max(answered, 1),
    )


def _spent(spent: Reading, name: str) -> Spent | None:
    if not (requests := spent.requests(name)):
        return None
    worked = max(requests - spent.of(name, "hits"), 1)
    return Spent(
        queries=spent.of(name, "queries") / worked,
        calls=spent.of(name, "calls") / worked,
        hits=spent.of(name, "hits") / requests,
        cpu_ms=spent.of(name, "cpu_seconds") * 1000 / requests,
        bytes=spent.of(name, "bytes") / requests,
    )


def _moment(began: float, before: Reading, after: Reading) -> Moment:
    spent = after.since(before)
    answered = sum(spent.requests(name) for name in spent.operations)
    return Moment(
        at=after.at - began,
        cpu=spent.cpu_seconds * 1000 / spent.at,
        memory=after.memory_bytes / MEGABYTE,
        queries=spent.total("queries") / spent.at,
        hits=spent.total("hits") / answered if answered else None,
    )


def machine() -> str:
    """Return what kind of machine this is, without its name: its processors, their number, and Python's version."""
    model = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}"
