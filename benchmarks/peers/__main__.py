"""What the library's whole journey costs: the project against the same API as plain templates write it.

Run as `python -m benchmarks.peers`. The project's own load test is the client of every server: browse, search, read,
borrow, return, add and change, a share of it conditional. Each server runs once a round, on the same PostgreSQL with
the same sample data; the figure is the server's CPU time a request, its worker included, its start-up left out.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from benchmarks.markers import show
from benchmarks.plan import say
from benchmarks.servers import BenchmarkError, Server, generate_project, run_in, sample_database, serving

HERE = Path(__file__).parent
ROUNDS, SECONDS, USERS = 3, 6, 20
TOKEN = "a-token-for-the-benchmark"  # noqa: S105


class Peer(NamedTuple):
    """A server of the same API."""

    name: str
    script: str = ""
    """Beside this file; without one it is the project."""
    settings: Mapping[str, str] = {}


class Api(NamedTuple):
    """What the servers have in common; the first of them is what the others are compared with."""

    answers: Mapping[str, str]
    plain: Peer
    ready: str
    """A path that is answered once a server works."""
    books: str
    """The operation that lists books."""


PROJECTS = (
    Peer("the project", settings={"WORKER_INSIDE": "true"}),
    Peer("the project without its cache", settings={"PRACTICES_OFF": "cache", "WORKER_INSIDE": "true"}),
)
APIS = {
    "REST": Api({}, Peer("FastAPI, SQLAlchemy ORM, pydantic", "fastapi_orm.py"), "/books", "GET /books"),
    "GraphQL": Api(
        {"api": "graphql"},
        Peer("Strawberry on FastAPI, SQLAlchemy ORM, DataLoader", "strawberry_orm.py"),
        "/graphql?query=%7Bbooks%28first%3A1%29%7Bnodes%7Bid%7D%7D%7D",
        "Books",
    ),
}


class Cost(NamedTuple):
    """What a round came to."""

    cpu_ms: float
    wire_bytes: float
    memory_mb: float
    p95: float
    """Of the list of books, in ms."""
    requests: int


def measure(name: str, folder: Path) -> dict[str, list[Cost]]:
    """Return the cost a request of each round, by the name of the peer, of the API of that name."""
    api = APIS[name]
    peers = (api.plain, *PROJECTS)
    costs: dict[str, list[Cost]] = {peer.name: [] for peer in peers}
    (folder / "project").mkdir()
    project = generate_project(folder / "project", api.answers)
    with sample_database(project, folder / "postgresql") as database_url:
        for number in range(1, ROUNDS + 1):
            for peer in peers:
                with _started(api, peer, project, database_url) as server:
                    costs[peer.name].append(_cost(api, project, server, folder))
                say(f"{name}, round {number} of {ROUNDS}: {peer.name}: {costs[peer.name][-1]}")
    return costs


def _started(api: Api, peer: Peer, project: Path, database_url: str) -> AbstractContextManager[Server]:
    settings = {
        "API_TOKEN": TOKEN,
        "DATABASE_URL": database_url,
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "warning",
        "OPERATIONS": str(project / "src" / "app"),
        "RATE_LIMIT": "1000000/second",
    }
    command = ("--script", str(HERE / peer.script)) if peer.script else ("poe", "--quiet", "serve")
    return serving(project, command, api.ready, settings | peer.settings)


def _cost(api: Api, project: Path, server: Server, folder: Path) -> Cost:
    before = server.cpu_seconds()
    command = ("python", "-m", "loadtest", "--host", server.address, f"--seconds={SECONDS}", f"--users={USERS}")
    run_in(project, *command, "--reports", str(folder), API_TOKEN=TOKEN)
    used = server.cpu_seconds() - before
    result = json.loads((folder / "load.json").read_text(encoding="utf-8"))["result"]
    operations = {one["name"]: one for one in result["operations"]}
    requests = sum(one["requests"] for one in operations.values())
    wire_bytes = sum(one["wire_bytes"] for one in operations.values()) / requests
    p95 = operations[api.books]["p95"]
    return Cost(used * 1000 / requests, wire_bytes, server.memory_bytes() / 1e6, p95, requests)


def table(costs: Mapping[str, list[Cost]]) -> str:
    """Return the medians as a Markdown table, the CPU time with its spread; the first server is the reference."""
    reference = statistics.median(cost.cpu_ms for cost in next(iter(costs.values())))
    lines = ["| Server | CPU-ms a request | least to most | x the first | bytes | memory | p95 of the list |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, rounds in costs.items():
        cpu, size, memory, p95, _ = (statistics.median(values) for values in zip(*rounds, strict=True))
        times = [cost.cpu_ms for cost in rounds]
        spread = f"{min(times):.2f} to {max(times):.2f}"
        lines.append(
            f"| {name} | {cpu:.2f} | {spread} | {cpu / reference:.2f} | {size:,.0f} | {memory:.0f} MB | {p95:.0f} ms |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit with status 1 and a sentence where something doesn't work."""
    try:
        tables = []
        for name in APIS:
            with tempfile.TemporaryDirectory() as folder:
                tables.append(f"{name}:\n\n{table(measure(name, Path(folder)))}")
        show("peers", "benchmarks/peers.md", "\n\n".join(tables), __doc__)
    except BenchmarkError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
