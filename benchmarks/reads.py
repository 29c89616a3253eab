"""What a read of 50 books costs: the project against the same endpoint as FastAPI templates write it, and the floor.

Run as `make bench`. Prints the server's CPU time per request, in milliseconds: the median of three rounds, in each
of which every server runs once, and the ratios that the project is held to. A missed target is not a failure.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks import graphql
from benchmarks.load import CONNECTIONS, SECONDS, require_wrk
from benchmarks.plan import ROUNDS, Contender, Plan, Read, Target, measure, report, say
from benchmarks.servers import BenchmarkError

BOOKS = 50
LIST = f"/books?limit={BOOKS}"
ALL_PRACTICES = "cache,compress,fields,query_log,throttle"

REFERENCE, RAW = "FastAPI reference", "asyncpg, msgspec, ASGI"
UNCACHED, BARE = "project, uncached", "project, all practices off"
HIT, NOT_MODIFIED, COMPRESSED = "project, cached", "project, 304", "project, cached, zstd"

CONTENDERS = (
    Contender((Read(REFERENCE, LIST),), script="reference/main.py"),
    Contender((Read(RAW, LIST),), script="raw/main.py"),
    Contender((Read(UNCACHED, LIST),), settings={"PRACTICES_OFF": "cache"}),
    Contender((Read(BARE, LIST),), settings={"PRACTICES_OFF": ALL_PRACTICES}),
    Contender(
        (
            Read(HIT, LIST, cached=True),
            Read(NOT_MODIFIED, LIST, cached=True, conditional=True),
            Read(COMPRESSED, LIST, cached=True, encoding="zstd"),
        )
    ),
)
TARGETS = (
    Target(UNCACHED, 0.35, REFERENCE),
    Target(UNCACHED, 2.0, RAW),
    Target(HIT, 0.06, REFERENCE),
    Target(NOT_MODIFIED, 0.06, REFERENCE),
)
PLAN = Plan(
    title=f"GET {LIST}",
    answers={"api": "rest"},
    contenders=CONTENDERS,
    targets=TARGETS,
    beside={"reference": REFERENCE, "floor": RAW},
    books=lambda answer: answer["items"],
    number=BOOKS,
)


def main() -> None:
    """Measure and print; exit with status 1 and a sentence where something doesn't work."""
    try:
        require_wrk()
        for plan in (PLAN, graphql.PLAN):
            with tempfile.TemporaryDirectory() as folder:
                say(f"one worker, {CONNECTIONS} connections, {SECONDS} s a read, {ROUNDS} rounds on PostgreSQL")
                costs = measure(plan, Path(folder))
            print(report(plan, costs), end="\n\n")
    except BenchmarkError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
