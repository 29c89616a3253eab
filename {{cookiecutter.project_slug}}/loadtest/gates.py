"""What a run is held to: budgets.toml, and a baseline where one is given."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from loadtest.instance import PROJECT, LoadTestError
from loadtest.result import Operation, Result

TOLERANCE = 0.25
"""How much more than in the baseline p95 and CPU time may be; CPU time of the same code differs by a third of that."""
ENOUGH = 100
"""Requests of an operation below which its p95, and how many of them the cache answered, say nothing."""
HITS, BYTES = "hits", "bytes"

Budgets = dict[str, dict[str, float]]


class Check(msgspec.Struct):
    """A figure and its limit."""

    operation: str
    what: str
    value: float
    limit: float
    at_least: bool = False
    """Whether the limit is the least that it may be and not the most."""

    @property
    def kept(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        """Say what it is, what it may be, and by how much it is off."""
        bound = "at least" if self.at_least else "at most"
        by = "" if self.kept else f", off by {_short(abs(self.value - self.limit))}"
        return f"{self.operation}: {self.what} {_short(self.value)}, {bound} {_short(self.limit)}{by}"


class Baseline(msgspec.Struct):
    """What a run on this machine came to."""

    machine: str
    users: int
    p95: dict[str, float]
    cpu_ms: float | None = None

    @classmethod
    def of(cls, result: Result) -> "Baseline":
        """Return the figures of `result`."""
        p95 = {operation.name: operation.p95 for operation in result.operations if operation.requests >= ENOUGH}
        return cls(result.machine, result.users, p95, result.totals.cpu_ms if result.totals else None)

    @classmethod
    def load(cls, path: Path) -> "Baseline":
        """Return what was saved at `path`; raise LoadTestError where nothing was."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise LoadTestError(f"{path} is no baseline ({error}): make one with --save-baseline {path}") from None

    def save(self, path: Path) -> None:
        """Write it to `path`."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def load_budgets(path: Path = PROJECT / "budgets.toml") -> Budgets:
    """Return what a request of each operation may cost."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def checks(result: Result, budgets: Mapping[str, Mapping[str, float]], baseline: Baseline | None) -> list[Check]:
    """Return all that `result` is held to; raise LoadTestError for the baseline of another machine."""
    found = [Check("all operations", "requests", result.requests, 1, at_least=True)]
    for operation in result.operations:
        found.append(Check(operation.name, "failed requests", operation.failures, 0))
        if operation.requests > operation.failures:
            found.extend(_within(operation, budgets.get(operation.name, {})))
    if baseline is not None:
        found.extend(_compared(result, baseline))
    return found


def _within(operation: Operation, budget: Mapping[str, float]) -> Iterator[Check]:
    figures: dict[str, float] = {BYTES: operation.widest}
    if operation.spent is not None:
        figures |= msgspec.structs.asdict(operation.spent) | {BYTES: operation.widest}
    for what, limit in budget.items():
        if what in figures and (what != HITS or operation.requests >= ENOUGH):
            yield Check(operation.name, what, figures[what], limit, at_least=what == HITS)


def _compared(result: Result, baseline: Baseline) -> Iterator[Check]:
    now = Baseline.of(result)
    if (now.machine, now.users) != (baseline.machine, baseline.users):
        raise LoadTestError(
            f"the baseline is of {baseline.users} users on {baseline.machine}, this run of {now.users} on "
            f"{now.machine}: they can't be compared"
        )
    for name, before in baseline.p95.items():
        if name in now.p95:
            yield Check(name, "p95 in ms", now.p95[name], before * (1 + TOLERANCE))
    if baseline.cpu_ms is not None and now.cpu_ms is not None:
        yield Check("all operations", "CPU-ms a request", now.cpu_ms, baseline.cpu_ms * (1 + TOLERANCE))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
