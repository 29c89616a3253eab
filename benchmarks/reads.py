"""What a read of 50 books costs: the project against the same endpoint as FastAPI templates write it, and the floor.

Run as `make bench`. Prints the server's CPU time per request, in milliseconds: the median of three rounds, in each
of which every server runs once, and the ratios that the project is held to. A missed target is not a failure.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import CONNECTIONS, SECONDS, cpu_ms, require_wrk
from benchmarks.servers import BenchmarkError, Server, generate_project, sample_database, serving

BOOKS = 50
LIST = f"/books?limit={BOOKS}"
ROUNDS = 3
ALL_PRACTICES = "cache,compress,fields,query_log,throttle"
HERE = Path(__file__).parent


class Read(NamedTuple):
    """A request to measure."""

    label: str
    cached: bool = False
    """Whether it is answered from the cache, and so with an ETag."""
    encoding: str = ""
    """The compression it asks for and gets."""
    conditional: bool = False
    """Whether it carries the ETag, so that the answer is 304."""


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
    Contender(
        (
            Read(HIT, cached=True),
            Read(NOT_MODIFIED, cached=True, conditional=True),
            Read(COMPRESSED, cached=True, encoding="zstd"),
        )
    ),
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
                    if books != expected or len(books["items"]) != BOOKS:
                        raise BenchmarkError(f"{contender.reads[0].label} does not answer the {BOOKS} books")
                    for read in contender.reads:
                        if (headers := _headers(server, read)) is not None:
                            costs[read.label].append(cpu_ms(server, LIST, headers))
                            _say(f"round {number} of {ROUNDS}: {read.label}: {costs[read.label][-1]:.3f} ms")
    return costs


def _started(contender: Contender, project: Path, database_url: str) -> AbstractContextManager[Server]:
    settings = {
        "API_TOKEN": "not-used-by-reads",
        "DATABASE_URL": database_url,
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "info",
        "PRACTICES_OFF": "",
        "RATE_LIMIT": "1000000/second",  # the throttle stays on, and the load stays below it
    }
    command = ("--script", str(HERE / contender.script)) if contender.script else ("poe", "--quiet", "serve")
    return serving(project, command, LIST, settings | contender.settings)


def _headers(server: Server, read: Read) -> Mapping[str, str] | None:
    """Return the headers of `read`, or None where the server has no cache to answer it."""
    headers = {"accept-encoding": read.encoding} if read.encoding else {}
    answer = server.get(LIST, headers)
    if read.cached and "etag" not in answer.headers:
        return None
    if answer.headers.get("content-encoding", "") != read.encoding:
        raise BenchmarkError(f"{read.label}: the server does not compress as it was asked to")
    if read.conditional:
        headers["if-none-match"] = answer.headers["etag"]
        if (status := server.get(LIST, headers).status) != 304:
            raise BenchmarkError(f"{read.label}: the server answers {status} and not 304")
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
            lines.append(f"{label:28} not measured: the answer carries no ETag, so nothing is cached")
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
