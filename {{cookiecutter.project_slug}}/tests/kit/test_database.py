"""The two engines, on real databases."""

import asyncio
from pathlib import Path

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import migrations, table_versions
from app.kit.database import Database
from app.kit.engines import parse_url
from tests.conftest import TOKEN_HEADER
from tests.door import BOOKS, adding_book
from tests.modules import MODULES

INSERT = text("INSERT INTO catalog_author (name) VALUES ('Somebody')")
END_THE_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
COUNT = text("SELECT count(*) FROM catalog_author")


async def insert(session: AsyncSession) -> None:
    """Add an author."""
    await session.execute(INSERT)


async def test_a_read_can_not_write(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DBAPIError):
        await database.read.all(INSERT)
    assert await database.read.first(COUNT) == (0,)
    await database.close()


async def test_work_that_fails_leaves_nothing_behind(database_url: str) -> None:
    async def fail(session: AsyncSession) -> None:
        await insert(session)
        raise LookupError

    database = Database(database_url)
    with pytest.raises(LookupError):
        await database.write(fail)
    assert await database.read.first(COUNT) == (0,)
    await database.close()


async def test_work_that_is_cancelled_leaves_nothing_behind_and_frees_its_connection(database_url: str) -> None:
    inserted = asyncio.Event()

    async def wait(session: AsyncSession) -> None:
        await insert(session)
        inserted.set()
        await asyncio.Event().wait()

    database = Database(database_url)
    task = asyncio.create_task(database.write(wait))
    await inserted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(insert)
    assert await database.read.first(COUNT) == (1,)
    await database.close()


async def test_a_read_sees_what_was_committed_before_it(database_url: str) -> None:
    database = Database(database_url)
    for number in range(1, 20):
        await database.write(insert_named, f"Author {number}")
        assert await database.read.first(COUNT) == (number,)
    await database.close()


async def insert_named(session: AsyncSession, name: str) -> None:
    """Add an author of that name."""
    await session.execute(text("INSERT INTO catalog_author (name) VALUES (:name)"), {"name": name})


async def test_requests_survive_a_database_that_drops_their_connections(client: AsyncClient, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has no connections to lose")
    book = {"title": "A", "author": "B"}
    assert (await client.request(**adding_book(**book))).is_success
    assert (await client.get(BOOKS, headers=TOKEN_HEADER)).status_code == 200
    administrator = Database(database_url)
    await administrator.read.all(END_THE_OTHERS)
    assert (await client.get(BOOKS)).status_code == 200
    assert (await client.request(**adding_book(**book))).is_success
    await administrator.close()


async def test_a_deadlock_is_tried_again(postgresql_database_url: str) -> None:
    database = Database(postgresql_database_url)
    await database.write(insert_named, "first")
    await database.write(insert_named, "second")
    both_hold_one = asyncio.Barrier(2)
    runs = 0

    async def rename(session: AsyncSession, first: str, second: str) -> None:
        nonlocal runs
        runs += 1
        await session.execute(text("UPDATE catalog_author SET name = name WHERE name = :name"), {"name": first})
        if runs <= 2:
            await both_hold_one.wait()
        await session.execute(text("UPDATE catalog_author SET name = name WHERE name = :name"), {"name": second})

    await asyncio.gather(database.write(rename, "first", "second"), database.write(rename, "second", "first"))
    assert runs == 3
    await database.close()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///app.db", "sqlite+aiosqlite:///app.db"),
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p@h:5433/d?sslmode=require", "postgresql+asyncpg://u:p@h:5433/d?ssl=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
    ],
)
def test_an_address_is_taken_as_people_write_it(url: str, address: str) -> None:
    assert parse_url(url).render_as_string(hide_password=False) == address


def test_models_and_migrations_agree(database_url: str) -> None:
    names = [module.name for module in MODULES]
    asyncio.run(migrations.check(database_url, names))
    assert asyncio.run(table_versions.behind(database_url, names)) == []


async def test_a_commit_is_made_known_though_whoever_asked_for_it_has_gone(database_url: str) -> None:
    committing, may_know, known = asyncio.Event(), asyncio.Event(), set[str]()

    async def note(changes: set[str]) -> None:
        committing.set()
        await may_know.wait()
        known.update(changes)

    database = Database(database_url, committed=note)
    task = asyncio.create_task(database.write(insert))
    await committing.wait()
    task.cancel()
    await asyncio.sleep(0)
    may_know.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert known
    await database.close()


def test_the_newest_version_is_the_one_that_no_other_replaces(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "versions").mkdir()
    monkeypatch.setattr(table_versions, "folder_of", lambda _module: tmp_path)

    def add(name: str, after: str) -> list[str]:
        script = f"revision: str = {name!r}\ndown_revision: str | Sequence[str] | None = {after}\n"
        (tmp_path / "versions" / f"{name}.py").write_text(script, encoding="utf-8")
        return asyncio.run(table_versions.behind(sqlite_database_url, ["catalog"]))

    assert "catalog" in add("0001", "None")
    assert "catalog" not in add("0002", '"0001"')
    assert "catalog" in add("0003", '"0001"')  # two newest ones
    assert "catalog" in add("0004", '("0002", "0003")')
