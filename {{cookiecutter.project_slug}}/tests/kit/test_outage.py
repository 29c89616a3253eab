"""What a client hears while the database can't serve: 503, soon, and no more than that."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx import AsyncClient, Response
from litestar import Controller, get
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import engines, health
from app.kit.app import build_app
from app.kit.module import Module
from app.kit.parameters import Writes
from tests.conftest import client_of, make_settings, nothing
from tests.door import BOOKS, adding_book, book_at
from tests.modules import MODULES
from tests.relay import relayed

BOOK = {"title": "A", "author": "B"}
DEADLINE_SECONDS = 10
FAIL = text("DO $$ BEGIN RAISE EXCEPTION 'Ada owes us' USING ERRCODE = '40P01'; END $$")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a database for long."""
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(engines, "COMMAND_SECONDS", 0.2)


def assert_unavailable(response: Response, log: str) -> None:
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    assert response.json()["detail"] == "The database can't serve this now: try again in 5 s."
    assert log.count("\n") == log.count("database unavailable") == 1
    assert "Traceback" not in log


@pytest.fixture
def locked(sqlite_database_url: str) -> Iterator[str]:
    """Yield the address of a SQLite file to which somebody else is writing."""
    connection = sqlite3.connect(sqlite_database_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield sqlite_database_url
    connection.close()


async def test_a_locked_database_is_503_to_a_write_and_nothing_to_a_read(
    locked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "COMMAND_SECONDS", 0)
    async with client_of(build_app(make_settings(DATABASE_URL=locked), MODULES, title="Tests")) as client:
        assert (await client.get(BOOKS)).status_code == 200
        response = await client.request(**adding_book(**BOOK))
    assert_unavailable(response, capsys.readouterr().err)


@asynccontextmanager
async def freezable(database_url: str) -> AsyncGenerator[tuple[AsyncClient, asyncio.Event]]:
    """Yield a client of the application on this PostgreSQL, and the event without which the database is frozen."""
    async with (
        relayed(database_url) as (url, passes),
        client_of(build_app(make_settings(DATABASE_URL=url), MODULES, title="Tests")) as client,
    ):
        yield client, passes


@pytest.mark.usefixtures("impatient")
async def test_a_frozen_database_is_503_until_it_is_back(
    postgresql_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with freezable(postgresql_database_url) as (client, passes):
        assert (await client.request(**adding_book(**BOOK))).is_success
        assert (await client.get(book_at(1))).status_code == 200
        passes.clear()
        assert_unavailable(await client.get(BOOKS), capsys.readouterr().err)
        assert_unavailable(await client.request(**adding_book(**BOOK)), capsys.readouterr().err)
        passes.set()
        assert (await client.get(BOOKS)).status_code == 200


async def test_a_frozen_database_is_not_ready_within_two_seconds(postgresql_database_url: str) -> None:
    async with freezable(postgresql_database_url) as (client, passes):
        assert (await client.get("/health/ready")).status_code == 200
        passes.clear()
        async with asyncio.timeout(health.READY_SECONDS + 1):
            assert (await client.get("/health/ready")).status_code == 503
        passes.set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await client.get("/health/ready")).status_code != 200:
                pass


class Deadlocked(Controller):
    """A handler whose work meets a deadlock each time."""

    path = "/deadlocked"

    @get()
    async def fail(self, write: Writes) -> None:
        """Fail as PostgreSQL does."""

        async def work(session: AsyncSession) -> None:
            await session.execute(FAIL)

        await write(work)


async def test_a_deadlock_past_the_last_attempt_is_503_and_tells_nothing(
    postgresql_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = Module(name="deadlocked", controllers=[Deadlocked], seed=nothing)
    app = build_app(make_settings(DATABASE_URL=postgresql_database_url), [module], title="Tests")
    async with client_of(app) as client:
        response = await client.get("/deadlocked")
    assert_unavailable(response, capsys.readouterr().err)
    assert "Ada" not in response.text


async def test_a_file_that_is_no_database_is_503_and_one_without_our_tables_a_fault(tmp_path: Path) -> None:
    for name, content, status in (("broken.db", b"no database" * 100, 503), ("empty.db", b"", 500)):
        (tmp_path / name).write_bytes(content)
        settings = make_settings(DATABASE_URL=f"sqlite:///{tmp_path / name}")
        async with client_of(build_app(settings, MODULES, title="Tests")) as client:
            assert (await client.get(BOOKS)).status_code == status
            assert (await client.get("/health/ready")).is_success == (status == 500)
