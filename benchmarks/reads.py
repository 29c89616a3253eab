"""What a read of 50 books costs: the project against the same endpoint as FastAPI templates write it, and the floor.

Run as `make bench`. Prints the server's CPU time per request, in milliseconds: the median of three rounds, in each
of which every server runs once, and the ratios that the project is held to. A missed target is not a failure.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import CONNECTIONS, SECONDS, cpu_ms, require_wrk
from benchmarks.servers import BenchmarkError, Server, generate_project, sample_database, serving

LIST = "/books?limit=50"
ROUNDS = 3
ALL_PRACTICES = "cache,compress,fields,query_log,throttle"
HERE = Path(__file__).parent


class Read(NamedTuple):
    """A request to measure."""

    label: str
    headers: Mapping[str, str] = {}
    conditional: bool = False
    """Whether it carries the ETag of an answer, so that the next one is 304."""


class Contender(NamedTuple):
    """A server, and what is asked of it."""

    reads: tuple[Read, ...]
    script: str = ""
    """A script beside this file; without one it is the project."""
    settings: Mapping[str, str] = {}


class Target(NamedTuple):
    """At most so many times the cost of another read."""

    label: str
    most: float
    of: str


REFERENCE, RAW = "FastAPI reference", "asyncpg, msgspec, ASGI"
UNCACHED, BARE = "project, uncached", "project, all practices off"
HIT, NOT_MODIFIED, COMPRESSED = "project, cached", "project, 304", "project, cached, zstd"

CONTENDERS = (
    Contender((Read(REFERENCE),), script="reference/main.py"),
    Contender((Read(RAW),), script="raw/main.py"),
    Contender((Read(UNCACHED),), settings={"PRACTICES_OFF": "cache"}),
    Contender((Read(BARE),), settings={"PRACTICES_OFF": ALL_PRACTICES}),
    Contender((Read(HIT), Read(NOT_MODIFIED, conditional=True), Read(COMPRESSED, {"accept-encoding": "zstd"}))),
)
TARGETS = (
    Target(UNCACHED, 0.35, REFERENCE),
    Target(UNCACHED, 2.0, RAW),
    Target(HIT, 0.06, REFERENCE),
    Target(NOT_MODIFIED, 0.06, REFERENCE),
)


def measure(folder: Path) -> dict[str, list[float]]:
    """Return the CPU-ms per request of each round, by the label of the read; of none where it can't be had."""
    costs: dict[str, list[float]] = {read.label: [] for contender in CONTENDERS for read in contender.reads}
    (folder / "project").mkdir()
    project = generate_project(folder / "project")
    expected = None
    with sample_database(project, folder / "postgresql") as database_url:
        for number in range(1, ROUNDS + 1):
            for contender in CONTENDERS:
                with _started(contender, project, database_url) as server:
                    books = json.loads(server.get(LIST, {}).body)
                    expected = expected or books
                    if books != expected:
                        raise BenchmarkError(f"{contender.reads[0].label} does not answer what {REFERENCE} does")
                    for read in contender.reads:
                        if (headers := _headers(server, read)) is not None:
                            costs[read.label].append(cpu_ms(server, LIST, headers))
                            _say(f"round {number} of {ROUNDS}: {read.label}: {costs[read.label][-1]:.3f} ms")
    return costs


@contextmanager
def _started(contender: Contender, project: Path, database_url: str) -> Iterator[Server]:
    # The throttle stays on, with a limit that the load doesn't reach.
    settings = {"API_TOKEN": "not-used-by-reads", "DATABASE_URL": database_url, "RATE_LIMIT": "1000000/second"}
    command = ("--script", str(HERE / contender.script)) if contender.script else ("poe", "--quiet", "serve")
    with serving(project, command, LIST, settings | contender.settings) as server:
        yield server


def _headers(server: Server, read: Read) -> Mapping[str, str] | None:
    """Return the headers of `read`, or None where the server doesn't answer it as a cache would."""
    headers = dict(read.headers)
    answer = server.get(LIST, headers)
    cached = read.label in {HIT, NOT_MODIFIED, COMPRESSED}
    if cached and (
        "etag" not in answer.headers or answer.headers.get("content-encoding") != headers.get("accept-encoding")
    ):
        return None
    if read.conditional:
        headers["if-none-match"] = answer.headers["etag"]
        answer = server.get(LIST, headers)
    if answer.status != (304 if read.conditional else 200):
        raise BenchmarkError(f"{read.label}: the server answers {answer.status}")
    return headers


def report(costs: Mapping[str, list[float]]) -> str:
    """Return `costs` as a table, and below it what became of the targets."""
    medians = {label: statistics.median(values) for label, values in costs.items() if values}
    lines = [f"{'GET ' + LIST:28} CPU-ms   least    most  x reference  x floor"]
    for label, values in costs.items():
        if values:
            median = medians[label]
            spread = f"{median:6.3f}  {min(values):6.3f}  {max(values):6.3f}"
            lines.append(f"{label:28} {spread}  {median / medians[REFERENCE]:11.3f}  {median / medians[RAW]:7.2f}")
        else:
            lines.append(f"{label:28} not measured: no such answer, with its ETag, from this project")
    lines.append("")
    for target in TARGETS:
        aim = f"{target.label:28} at most {target.most} x {target.of}"
        if target.label in medians:
            ratio = medians[target.label] / medians[target.of]
            lines.append(f"{aim}: {ratio:.3f}, {'met' if ratio <= target.most else 'missed'}")
        else:
            lines.append(f"{aim}: not measured")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print; exit with status 1 and a sentence where something doesn't work."""
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as folder:
            _say(f"one worker, {CONNECTIONS} connections, {SECONDS} s a read, {ROUNDS} rounds on PostgreSQL")
            costs = measure(Path(folder))
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
    print(report(costs))


if __name__ == "__main__":
    main()
