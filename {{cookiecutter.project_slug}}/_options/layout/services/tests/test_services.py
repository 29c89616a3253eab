"""The services apart: each a process with a database of its own, which the other one can lose at any time."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import TOKEN, TOKEN_HEADER, NewDatabase
from tests.door import (
    Asked,
    adding_book,
    adding_member,
    book_at,
    borrowing,
    changing_book,
    is_done,
    loans_at,
    returning,
    said,
)
from tests.polling import until
from tests.server import PROJECT, Server, free_port, run, running, serving

NAMES = ("catalog", "lending")
SECRET = "a-secret-for-the-tests"  # noqa: S105
CATCH_UP_SECONDS = 40
"""Longer than what was missed waits for its next try, at the most."""
FEW = 5
"""Calls for some hundred facts: the first that arrives brings all others along."""


# One for all: it takes longer to make than to use.
CLIENT = httpx.Client(headers=TOKEN_HEADER, timeout=10)


@pytest.fixture(scope="module", autouse=True)
def closed_client() -> Generator[None]:
    """Close the client after the last test."""
    yield
    CLIENT.close()


class Service:
    """One of the services, which a test starts, stops and asks."""

    def __init__(self, name: str, database_url: str, addresses: dict[str, str]) -> None:
        self.address = addresses[name]
        self._main = f"app.{name}.main"
        self._settings = {
            "API_TOKEN": TOKEN,
            "DATABASE_URL": database_url,
            "EVENTS_SECRET": SECRET,
            "EVENTS_TO": ",".join(f"{name}={address}" for name, address in addresses.items()),
            "LOG_EVERY": "1",
            "PORT": self.address.rpartition(":")[2],
            "RATE_LIMIT": "1000000/minute",
        }

    @contextmanager
    def started(self, *, worker_inside: bool = True) -> Generator[Server]:
        """Run the service, with its worker inside or beside it."""
        inside = {"WORKER_INSIDE": str(worker_inside).lower()}
        with serving("serve", PROJECT, self._main, **self._settings | inside) as server:
            yield server

    @contextmanager
    def worker(self) -> Generator[Server]:
        """Run a worker of the service."""
        with running("worker", PROJECT, self._main, **self._settings) as worker:
            yield worker

    def ask(self, asked: Asked) -> httpx.Response:
        """Return the answer to a request."""
        here: Asked = {**asked, "url": f"{self.address}{asked['url']}"}
        return CLIENT.request(**here)

    def do(self, asked: Asked) -> Any:
        """Return what a request that succeeds has made."""
        answer = self.ask(asked)
        assert is_done(answer), answer.text
        return said(answer)

    def read(self, path: str) -> Any:
        """Return what is at `path`."""
        return said(CLIENT.get(f"{self.address}{path}"))


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest) -> tuple[Service, Service]:
    """Return catalogue and lending, each with an empty database; the test runs once on each kind."""
    new: NewDatabase = request.getfixturevalue(f"{request.param}_databases")
    addresses = {name: f"http://127.0.0.1:{free_port()}" for name in NAMES}
    catalog, lending = (Service(name, new(), addresses) for name in NAMES)
    return catalog, lending


def add_book(catalog: Service, title: str = "Kindred", copies: int = 1) -> int:
    return int(catalog.do(adding_book(title=title, author="Octavia E. Butler", copies=copies))["id"])


def add_member(lending: Service) -> int:
    return int(lending.do(adding_member(name="Ada Byron", email="ada@example.org"))["id"])


def is_available(catalog: Service, book: int, copies: int) -> Callable[[], Awaitable[bool]]:
    async def has_become() -> bool:
        return catalog.read(book_at(book))["available"] == copies

    return has_become


def can_borrow(lending: Service, book: int, member: int) -> Callable[[], Awaitable[bool]]:
    async def has_borrowed() -> bool:
        return is_done(lending.ask(borrowing(book, member)))

    return has_borrowed


async def test_a_book_of_one_service_is_lent_by_the_other_and_both_know(services: tuple[Service, Service]) -> None:
    catalog, lending = services
    with ExitStack() as stack:
        for service in services:
            stack.enter_context(service.started(worker_inside=False))
            stack.enter_context(service.worker())
        book, member = add_book(catalog, copies=2), add_member(lending)
        await until(can_borrow(lending, book, member))
        await until(is_available(catalog, book, 1))
        catalog.do(changing_book(book, title="Fledgling"))

        async def is_renamed() -> bool:
            return lending.read(loans_at(member))[0]["book"]["title"] == "Fledgling"

        await until(is_renamed)
        lending.do(returning(lending.read(loans_at(member))[0]["id"]))
        await until(is_available(catalog, book, 2))


async def test_each_serves_its_own_operations_while_the_other_is_dead_and_nothing_is_lost(
    services: tuple[Service, Service],
) -> None:
    catalog, lending = services
    with ExitStack() as stack:
        stack.enter_context(catalog.started())
        with lending.started() as victim:
            book, member = add_book(catalog, copies=3), add_member(lending)
            await until(can_borrow(lending, book, member))
            await until(is_available(catalog, book, 2))
            victim.process.kill()
        later = add_book(catalog, "Dawn")
        for title in ("Adulthood Rites", "Imago"):
            catalog.do(changing_book(later, title=title))
            assert catalog.read(book_at(later))["title"] == title
        assert catalog.read(book_at(book))["available"] == 2
    with lending.started():
        lending.do(borrowing(book, member))
        for loan in lending.read(loans_at(member)):
            lending.do(returning(loan["id"]))
        with catalog.started():
            await until(is_available(catalog, book, 3), CATCH_UP_SECONDS)
            await until(can_borrow(lending, later, member), CATCH_UP_SECONDS)
            assert lending.read(loans_at(member))[-1]["book"]["title"] == "Imago"


async def test_what_a_service_missed_comes_in_few_calls(services: tuple[Service, Service]) -> None:
    catalog, lending = services
    with catalog.started():
        books = [add_book(catalog, f"Volume {number}") for number in range(60)]
        for book in books:
            catalog.do(changing_book(book, copies=2))
        with lending.started() as server:
            member = add_member(lending)
            for book in books:
                for _ in range(2):
                    await until(can_borrow(lending, book, member), CATCH_UP_SECONDS)
            assert 0 < server.output().count('"path":"/events"') <= FEW


def test_a_service_has_its_own_tables_and_no_others(tmp_path: Path) -> None:
    for name in NAMES:
        url = f"sqlite:///{tmp_path}/{name}.db"
        assert run("migrate", main=f"app.{name}.main", API_TOKEN=TOKEN, DATABASE_URL=url)[0] == 0
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        owners = {table.removeprefix("alembic_version_").partition("_")[0] for table in tables}
        assert owners - {"sqlite"} == {"kit", name}


@pytest.mark.parametrize(("name", "other"), [NAMES, NAMES[::-1]])
def test_a_service_that_is_installed_alone_can_not_import_the_other(tmp_path: Path, name: str, other: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the PATH")
    described = (PROJECT / "services" / name / "pyproject.toml").read_text(encoding="utf-8")
    package: str = tomllib.loads(described)["project"]["name"]
    alone = os.environ | {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    sync = [uv, "sync", "--quiet", "--no-dev", "--python", sys.executable, "--package", package]
    subprocess.run(sync, cwd=PROJECT, env=alone, check=True)

    def imports(module: str) -> subprocess.CompletedProcess[str]:
        python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True, check=False)

    assert imports(f"app.{name}.main").returncode == 0
    assert f"No module named 'app.{other}'" in imports(f"app.{other}").stderr
