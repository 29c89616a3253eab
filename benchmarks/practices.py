"""What each practice saves: the same project with it and without it, asked the same things.

Run as `python -m benchmarks.practices`, or with the others as `make bench`. Prints a Markdown table: CPU time of the
server (its SQLite and its worker included, since they run in it), queries and bytes a request, calls to another
system, and the carbon of CPU time and network by the project's own coefficients. Off and on take turns; each figure is
the median of the rounds, with the least and the most of the CPU time.
"""

import math
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import completed, require_wrk
from benchmarks.markers import show
from benchmarks.other_system import OtherSystem, other_system
from benchmarks.servers import BenchmarkError, Server, generate_project, run_verb, serving

ROUNDS = 3
WARM_UP_SECONDS, SECONDS = 1, 3
MOST_SECONDS_TO_SETTLE = 60
BUSY_SECONDS = 0.05
"""CPU time in a second below which a server does nothing."""
BATCH_SECONDS = 6
"""How long a batch may gather before it runs, and a little."""
TOKEN = "a-token-for-the-benchmark"  # noqa: S105
BEARER = {"authorization": f"Bearer {TOKEN}"}
JOULES_PER_KWH = 3.6e6


class Case(NamedTuple):
    """A practice, and the request by which it shows."""

    practice: str
    request: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    """A Lua expression in `n`, the number of the request; without one it is a GET."""
    method: str = "POST"
    also_off: str = ""
    """Practices that are off with and without this one, because they would hide it."""
    other_system: str = ""
    """How Open Library is: well, failing always or seldom; empty is that nobody asks it."""
    worker: bool = False


NEW_BOOK = """string.format('{"title":"Volume %d","author":"Bench","isbn":"978%010d"}', n, n)"""
CHANGE = """string.format('{"copies":%d}', 10 + n % 900)"""
LIST = "/books?limit=50"
ZSTD = (("accept-encoding", "zstd"),)
BOOK = Case("", "", "/books", body=NEW_BOOK)
CASES = (
    Case("cache", "a list of 50 books, zstd", LIST, ZSTD),
    Case("compress", "the same", LIST, ZSTD),
    Case("compress", "the same, not cached", LIST, ZSTD, also_off="cache"),
    Case("fields", "the titles of 50 books", f"{LIST}&fields=title", also_off="cache"),
    Case("query_log", "a list of 50 books, not cached", LIST, also_off="cache"),
    Case("throttle", "a list of 50 books", LIST),
    BOOK._replace(practice="jobs", request="add a book, look up its cover", other_system="well", worker=True),
    Case("batch", "change a book", "/books/1", body=CHANGE, method="PATCH", worker=True),
    BOOK._replace(practice="breaker", request="the same, Open Library is down", other_system="down", worker=True),
    BOOK._replace(practice="retry", request="the same, one call in ten fails", other_system="shaky", worker=True),
)


class Cost(NamedTuple):
    """What a request came to."""

    cpu_ms: float
    queries: float
    bytes: float
    calls: float
    """That reached the other system, whether in the request or in a job."""


def measure(folder: Path) -> dict[tuple[Case, bool], list[Cost]]:
    """Return what a request of each case came to in each round, without (False) and with (True) the practice."""
    project = generate_project(folder)
    sample = f"sqlite:///{folder}/sample.db"
    for verb in ("migrate", "seed"):
        run_verb(project, verb, DATABASE_URL=sample, API_TOKEN=TOKEN)
    costs: dict[tuple[Case, bool], list[Cost]] = {(case, on): [] for case in CASES for on in (False, True)}
    with other_system() as other:
        for number in range(1, ROUNDS + 1):
            for (case, on), rounds in costs.items():
                shutil.copy(folder / "sample.db", folder / "run.db")
                rounds.append(_cost(project, case, other, folder, on=on))
                state = "with it" if on else "without"
                _say(f"round {number} of {ROUNDS}: {case.practice}, {case.request}, {state}: {rounds[-1]}")
                for path in folder.glob("run.db*"):
                    path.unlink()
    return costs


def _cost(project: Path, case: Case, other: OtherSystem, folder: Path, *, on: bool) -> Cost:
    off = [*filter(None, case.also_off.split(",")), *([] if on else [case.practice])]
    settings = {
        "API_TOKEN": TOKEN,
        "DATABASE_URL": f"sqlite:///{folder}/run.db",
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "error",
        "OPEN_LIBRARY_URL": f"http://127.0.0.1:{other.server_port}" if case.other_system else "",
        "PRACTICES_OFF": ",".join(off),
        "RATE_LIMIT": "1000000/second",
        "WORKER_INSIDE": "true" if case.worker else "false",
    }
    other.state = case.other_system
    with serving(project, ("poe", "--quiet", "serve"), "/health/ready", settings) as server:
        quiet = BATCH_SECONDS if case.worker else 1
        script = _script(case, folder)
        headers = {**dict(case.headers), **(BEARER if case.body else {})}
        completed(server, case.path, headers, WARM_UP_SECONDS, script)
        _settle(server, quiet)
        before, calls, sums = server.cpu_seconds(), other.calls, _sums(server)
        requests = completed(server, case.path, headers, SECONDS, script)
        _settle(server, quiet)
        after = _sums(server)
        cpu_ms = (server.cpu_seconds() - before) * 1000 / requests
        spent = {name: (after[name] - sums[name]) / requests for name in after}
        queries = math.nan if "query_log" in off else spent["queries"]
        return Cost(cpu_ms, queries, spent["bytes"], (other.calls - calls) / requests)


def _settle(server: Server, quiet_seconds: int) -> None:
    """Wait until the server has had nothing to do for so long: jobs belong to the requests that asked for them."""
    deadline = time.monotonic() + MOST_SECONDS_TO_SETTLE
    quiet = 0
    while quiet < quiet_seconds and time.monotonic() < deadline:
        before = server.cpu_seconds()
        time.sleep(1)
        quiet = quiet + 1 if server.cpu_seconds() - before < BUSY_SECONDS else 0


def _script(case: Case, folder: Path) -> Path | None:
    """Write the Lua that makes wrk send bodies; each run of wrk numbers its own requests, from the time on."""
    if not case.body:
        return None
    path = folder / "wrk.lua"
    path.write_text(
        f'n = os.time() % 100000 * 100000\nwrk.method = "{case.method}"\nrequest = function()\n'
        f"  n = n + 1\n  return wrk.format(nil, nil, nil, {case.body})\nend\n",
        encoding="utf-8",
    )
    return path


def _sums(server: Server) -> dict[str, float]:
    """Return what the server says that all its requests, but those for its metrics, came to."""
    sums = {"queries": 0.0, "bytes": 0.0}
    for line in server.get("/metrics", BEARER).body.decode().splitlines():
        name, _, value = line.rpartition(" ")
        for what in sums:
            if name.startswith(f"http_request_{what}_total") and "/metrics" not in name:
                sums[what] += float(value)
    return sums


def milligrams(cost: Cost, coefficients: Mapping[str, float]) -> float:
    """Return mgCO2e of 1,000 requests: their CPU time and bytes, without idling and the making of the server."""
    watts = coefficients["full_watts"] - coefficients["idle_watts"]
    kwh = cost.cpu_ms * watts * coefficients["power_usage"] / JOULES_PER_KWH
    kwh += 1000 * cost.bytes / 1e9 * coefficients["network_kwh"]
    return kwh * coefficients["intensity"] * 1000


def table(costs: Mapping[tuple[Case, bool], list[Cost]], coefficients: Mapping[str, float]) -> str:
    """Return the costs as a Markdown table, a line a case: without → with."""
    lines = [
        "| Practice | Request | CPU-ms | least to most | queries | bytes | calls | mgCO₂e per 1,000 | carbon saved |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        off, on = (_median(costs[case, state]) for state in (False, True))
        spread = " → ".join(_spread(costs[case, state]) for state in (False, True))
        before, after = (milligrams(cost, coefficients) for cost in (off, on))
        cells = [
            f"`{case.practice}`", case.request, f"{off.cpu_ms:.3f} → {on.cpu_ms:.3f}", spread,
            _change(off.queries, on.queries), _change(off.bytes, on.bytes), _change(off.calls, on.calls),
            f"{before:.3f} → {after:.3f}", f"{round(100 * (1 - after / before))}%",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def _spread(costs: list[Cost]) -> str:
    times = [cost.cpu_ms for cost in costs]
    return f"{min(times):.3f} to {max(times):.3f}"


def _change(before: float, after: float) -> str:
    first, then = (_figure(before), _figure(after))
    return first if first == then else f"{first} → {then}"


def _figure(value: float) -> str:
    if math.isnan(value):
        return "not counted"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print; exit with status 1 and a sentence where something doesn't work."""
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as folder:
            costs = measure(Path(folder))
            (project,) = (path for path in Path(folder).iterdir() if path.is_dir())
            assumed = tomllib.loads((project / "loadtest" / "coefficients.toml").read_text(encoding="utf-8"))
        show("practices", "README.md", table(costs, {name: one["value"] for name, one in assumed.items()}), __doc__)
    except BenchmarkError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
