"""A plan: which servers are asked what, in rounds, and how the costs compare."""

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.load import cpu_ms
from benchmarks.servers import BenchmarkError, Server, generate_project, sample_database, serving

ROUNDS = 3
HERE = Path(__file__).parent


class Read(NamedTuple):
    """A request to measure."""

    label: str
    path: str
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


class Plan(NamedTuple):
    """What is measured."""

    title: str
    answers: Mapping[str, str]
    """Those with which the project is generated."""
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...]
    beside: Mapping[str, str]
    """The reads that all are compared with, by the heading of the column."""
    books: Callable[[Any], list[Any]]
    """Finds the books in the JSON of an answer."""
    number: int
    """How many books there must be."""
    then: Callable[[Path, Server], None] = lambda _project, _server: None
    """What is done with the last server, which is the project, before it stops."""


def measure(plan: Plan, folder: Path) -> dict[str, list[float]]:
    """Return the CPU-ms per request of each round, by the label of the read; of none where it can't be had."""
    costs: dict[str, list[float]] = {read.label: [] for contender in plan.contenders for read in contender.reads}
    (folder / "project").mkdir()
    project = generate_project(folder / "project", plan.answers)
    expected = None
    with sample_database(project, folder / "postgresql") as database_url:
        for number in range(1, ROUNDS + 1):
            for contender in plan.contenders:
                with _started(contender, project, database_url) as server:
                    answer = json.loads(server.get(contender.reads[0].path, {}).body)
                    expected = expected or answer
                    if answer != expected or len(plan.books(answer)) != plan.number:
                        raise BenchmarkError(f"{contender.reads[0].label} does not answer the {plan.number} books")
                    for read in contender.reads:
                        if (headers := _headers(server, read)) is not None:
                            costs[read.label].append(cpu_ms(server, read.path, headers))
                            say(f"round {number} of {ROUNDS}: {read.label}: {costs[read.label][-1]:.3f} ms")
                    if number == ROUNDS and contender is plan.contenders[-1]:
                        plan.then(project, server)
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
    return serving(project, command, contender.reads[0].path, settings | contender.settings)


def _headers(server: Server, read: Read) -> Mapping[str, str] | None:
    """Return the headers of `read`, or None where the server has no cache to answer it."""
    headers = {"accept-encoding": read.encoding} if read.encoding else {}
    answer = server.get(read.path, headers)
    if read.cached and "etag" not in answer.headers:
        return None
    if answer.headers.get("content-encoding", "") != read.encoding:
        raise BenchmarkError(f"{read.label}: the server does not compress as it was asked to")
    if read.conditional:
        headers["if-none-match"] = answer.headers["etag"]
        if (status := server.get(read.path, headers).status) != 304:
            raise BenchmarkError(f"{read.label}: the server answers {status} and not 304")
    return headers


def report(plan: Plan, costs: Mapping[str, list[float]]) -> str:
    """Return `costs` as a table, and below it what became of the targets."""
    medians = {label: statistics.median(values) for label, values in costs.items() if values}
    columns = "  ".join(f"x {heading}" for heading in plan.beside)
    lines = [f"{plan.title:28} CPU-ms   least    most  {columns}"]
    for label, values in costs.items():
        if values:
            median = medians[label]
            spread = f"{median:6.3f}  {min(values):6.3f}  {max(values):6.3f}"
            ratios = (f"{median / medians[of]:{len(heading) + 2}.3f}" for heading, of in plan.beside.items())
            lines.append(f"{label:28} {spread}  {'  '.join(ratios)}")
        else:
            lines.append(f"{label:28} not measured: the answer carries no ETag, so nothing is cached")
    lines.append("")
    for target in plan.targets:
        aim = f"{target.label:28} at most {target.most} x {target.of}"
        if target.label in medians:
            ratio = medians[target.label] / medians[target.of]
            lines.append(f"{aim}: {ratio:.3f}, {'met' if ratio <= target.most else 'missed'}")
        else:
            lines.append(f"{aim}: not measured")
    return "\n".join(lines)


def say(line: str) -> None:
    """Print what is going on."""
    print(line, file=sys.stderr, flush=True)
