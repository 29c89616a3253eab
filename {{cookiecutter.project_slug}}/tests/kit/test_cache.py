"""Cached answers: made once, kept until a write purges them, in memory and on a Valkey."""

import asyncio
import pickle
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from httpx import AsyncClient
from litestar import Controller, get
from sqlalchemy import Engine, delete, event, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Author, Book, BookWord
from app.kit import cache as cache_module
from app.kit.app import build_app
from app.kit.cache import Cache
from app.kit.cache_store import MAX_ENTRIES, MAX_ENTRY_BYTES, CacheStore, Entry
from app.kit.database import Database
from app.kit.http_cache import Public
from app.kit.module import Module
from app.kit.parameters import Reads
from tests.conftest import TOKEN, TOKEN_HEADER, client_of, make_settings, nothing
from tests.door import (
    BOOKS,
    MISSING,
    REPRESENTATIONS,
    adding_book,
    adding_member,
    book_at,
    books_at,
    borrowing,
    changing_book,
    is_conflict,
    loans_at,
    said,
)
from tests.modules import MODULES
from tests.server import serving
from tests.valkey import Valkey

BOOK = {"title": "Kindred", "author": "Octavia E. Butler"}
DEADLINE_SECONDS = 10


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SELECT is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


@asynccontextmanager
async def an_application(database_url: str, cache_url: str, *more: Module) -> AsyncGenerator[AsyncClient]:
    """Yield a client of one process of the application."""
    settings = make_settings(DATABASE_URL=database_url, CACHE_URL=cache_url, LOG_LEVEL="info")
    async with client_of(build_app(settings, [*MODULES, *more], title="Tests")) as client:
        yield client


@pytest.fixture
async def client(database_url: str, cache_url: str) -> AsyncIterator[AsyncClient]:
    """Yield a client of the application, whose library has one book."""
    async with an_application(database_url, cache_url) as client:
        await add(client)
        yield client


async def add(client: AsyncClient, **more: object) -> dict[str, Any]:
    return said(await client.request(**adding_book(**{**BOOK, **more})))


async def titles(client: AsyncClient) -> list[str]:
    return [book["title"] for book in said(await client.get(BOOKS))]


async def test_a_hit_asks_the_database_nothing_and_has_the_same_bytes(
    client: AsyncClient, statements: list[str]
) -> None:
    first = await client.get(BOOKS)
    assert len(statements) == 1
    second = await client.get(BOOKS)
    assert len(statements) == 1
    assert second.content == first.content
    assert first.headers["Cache-Status"] == "app; fwd=miss; stored"
    assert second.headers["Cache-Status"] == "app; hit"
    assert second.headers["Age"] == "0"


async def test_a_hundred_misses_at_once_load_once(client: AsyncClient, statements: list[str]) -> None:
    answers = await asyncio.gather(*(client.get(BOOKS) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(statements) == 1


async def test_each_address_and_each_representation_is_an_entry_of_its_own(client: AsyncClient) -> None:
    one, other = REPRESENTATIONS
    for path, headers in ((BOOKS, one), (BOOKS, other), (books_at(search="kindred"), one), (book_at(1), one)):
        for status in ("app; fwd=miss; stored", "app; hit"):
            response = await client.get(path, headers=headers)
            assert response.headers["Cache-Status"] == status, path
    assert said(await client.get(BOOKS, headers=one)) == said(await client.get(BOOKS, headers=other))


async def test_a_write_purges_the_lists_and_the_books_that_show_it(client: AsyncClient) -> None:
    other = await add(client, title="Fledgling")
    assert await titles(client) == ["Kindred", "Fledgling"]
    for book in (book_at(1), book_at(other["id"])):
        await client.get(book)
    await client.request(**changing_book(1, title="Dawn"))
    assert await titles(client) == ["Dawn", "Fledgling"]
    assert said(await client.get(book_at(1)))["title"] == "Dawn"
    untouched = await client.get(book_at(other["id"]))
    assert untouched.headers["Cache-Status"] == "app; hit"


async def test_a_loan_purges_the_availability_of_its_book_and_of_no_other(client: AsyncClient) -> None:
    await add(client, title="Fledgling")
    member = {"name": "Ada Byron", "email": "ada@example.org"}
    await client.request(**adding_member(**member))
    for book in (1, 2):
        assert said(await client.get(book_at(book)))["available"] == 1
    await client.request(**borrowing(1, 1))
    assert said(await client.get(book_at(1)))["available"] == 0
    assert said(await client.get(BOOKS))[0]["available"] == 0
    assert (await client.get(book_at(2))).headers["Cache-Status"] == "app; hit"


async def test_a_write_that_is_rolled_back_purges_nothing(client: AsyncClient) -> None:
    await add(client, isbn="9780441478125")
    await client.get(BOOKS)
    assert is_conflict(await client.request(**adding_book(**BOOK, isbn="9780441478125")))
    assert (await client.get(BOOKS)).headers["Cache-Status"] == "app; hit"


async def change_objects(session: AsyncSession) -> None:
    book = await session.get_one(Book, 1)
    book.title = "Dawn"


async def delete_the_object(session: AsyncSession) -> None:
    await session.execute(delete(BookWord))
    await session.delete(await session.get_one(Book, 1))


async def change_one_row(session: AsyncSession) -> None:
    await session.execute(update(Book).where(Book.id == 1, Book.copies > 0).values(title="Dawn"))


async def change_many_rows(session: AsyncSession) -> None:
    await session.execute(update(Book).where((Book.id == 2) | (Book.copies > 0)).values(title="Dawn"))


async def change_by_text(session: AsyncSession) -> None:
    await session.execute(text("UPDATE catalog_book SET title = 'Dawn' WHERE id = 1"))


async def change_the_author(session: AsyncSession) -> None:
    await session.execute(update(Author).values(name="O. E. Butler"))


@pytest.mark.parametrize(
    "work",
    [change_objects, delete_the_object, change_one_row, change_many_rows, change_by_text, change_the_author],
)
async def test_however_a_row_is_written_its_entry_is_purged(
    database_url: str, valkey: str, work: Callable[[AsyncSession], Any]
) -> None:
    store = CacheStore(valkey)
    await store.open()
    database = Database(database_url, committed=store.purge)
    async with an_application(database_url, valkey) as client:
        await add(client)
        before = (await client.get(book_at(1))).content
        await database.write(work)
        assert (await client.get(book_at(1))).content != before
    await database.close()
    await store.close()


class SlowShelf(Controller):
    """A view that can be held between its read and its answer."""

    path = "/shelf"
    reading = asyncio.Event()
    written = asyncio.Event()

    @get(cached=Public(tags=[Book], fresh=timedelta(minutes=1)))
    async def show(self, read: Reads) -> list[str]:
        """Return all titles, late."""
        rows = await read.all(select(Book.title))
        self.reading.set()
        await self.written.wait()
        return [title for (title,) in rows]


async def test_an_answer_read_before_a_write_is_given_to_nobody_who_asks_after_it(
    database_url: str, cache_url: str
) -> None:
    SlowShelf.reading, SlowShelf.written = asyncio.Event(), asyncio.Event()
    shelf = Module(name="shelf", controllers=[SlowShelf], seed=nothing)
    async with an_application(database_url, cache_url, shelf) as client:
        await add(client)
        slow = asyncio.create_task(client.get("/shelf"))
        await SlowShelf.reading.wait()
        await client.request(**changing_book(1, title="Dawn"))
        late = asyncio.create_task(client.get("/shelf"))
        await asyncio.wait([late], timeout=0.1)  # it does not join the one who reads for the first
        SlowShelf.written.set()
        assert (await slow).json() == ["Kindred"]
        assert (await late).json() == ["Dawn"]
        assert (await client.get("/shelf")).json() == ["Dawn"]


async def test_two_processes_share_entries_and_purges(database_url: str, valkey: str, statements: list[str]) -> None:
    async with an_application(database_url, valkey) as one, an_application(database_url, valkey) as other:
        await add(one)
        assert await titles(one) == ["Kindred"]
        del statements[:]
        assert await titles(other) == ["Kindred"]
        assert statements == []
        await other.request(**changing_book(1, title="Dawn"))
        assert await titles(one) == ["Dawn"]


async def test_a_hundred_misses_in_two_processes_load_once(
    database_url: str, valkey: str, statements: list[str]
) -> None:
    async with an_application(database_url, valkey) as one, an_application(database_url, valkey) as other:
        await add(one)
        del statements[:]
        answers = await asyncio.gather(*(client.get(BOOKS) for client in [one, other] * 50))
        assert {answer.status_code for answer in answers} == {200}
        assert len(statements) == 1


async def test_what_other_code_made_is_not_served(
    sqlite_database_url: str, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with an_application(sqlite_database_url, valkey) as old:
        await add(old)
        await titles(old)
        monkeypatch.setattr(cache_module, "code_version", lambda: "the next deploy")
        async with an_application(sqlite_database_url, valkey) as new:
            for status in ("app; fwd=miss; stored", "app; hit"):
                assert (await new.get(BOOKS)).headers["Cache-Status"] == status
            await new.request(**changing_book(1, title="Dawn"))
            assert await titles(old) == ["Dawn"], "a purge is for both"


async def test_where_the_one_who_loads_gives_up_one_other_takes_over() -> None:
    cache, loads, loading = Cache(CacheStore("")), 0, asyncio.Event()

    async def load() -> Entry | None:
        nonlocal loads
        loads += 1
        if loads == 1:
            loading.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return Entry(0, "", [], b"made")

    first = asyncio.create_task(cache.get("key", ["tag"], 60, load))
    await loading.wait()
    others = [asyncio.create_task(cache.get("key", ["tag"], 60, load)) for _ in range(50)]
    await asyncio.sleep(0.01)
    first.cancel()
    entries = await asyncio.gather(*others)
    assert {entry.body for entry in entries if entry} == {b"made"}
    assert None not in entries
    assert loads == 2
    with pytest.raises(asyncio.CancelledError):
        await first


def test_a_write_in_one_process_is_in_the_next_read_of_another(sqlite_database_url: str, valkey: str) -> None:
    start = partial(serving, "serve", API_TOKEN=TOKEN, DATABASE_URL=sqlite_database_url, CACHE_URL=valkey)
    with (
        start() as first,
        start() as second,
        httpx.Client(base_url=first.address) as one,
        httpx.Client(base_url=second.address) as other,
    ):
        one.request(**adding_book(**BOOK))
        for number in range(20):
            one.request(**changing_book(1, title=f"Volume {number}"))
            for client in (other, one, other):
                assert said(client.get(BOOKS))[0]["title"] == f"Volume {number}"


async def test_what_is_private_or_failed_is_never_kept(client: AsyncClient, statements: list[str]) -> None:
    member = {"name": "Ada Byron", "email": "ada@example.org"}
    await client.request(**adding_member(**member))
    for path, headers in ((loans_at(1), TOKEN_HEADER), (BOOKS, TOKEN_HEADER), (MISSING, {})):
        asked: list[int] = []
        for _ in range(2):
            del statements[:]
            response = await client.get(path, headers=headers)
            assert "no-store" in response.headers["Cache-Control"]
            assert "ETag" not in response.headers
            asked.append(len(statements))
        assert asked[0] == asked[1], path


async def test_a_public_answer_says_who_may_keep_it(client: AsyncClient) -> None:
    headers = (await client.get(BOOKS)).headers
    assert headers["Cache-Control"] == "public, max-age=0, s-maxage=60, stale-while-revalidate=60"
    assert headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"If-None-Match": "{etag}"}, 304),
        ({"If-None-Match": 'W/{etag}, "other"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": "W/{etag}"}, 412),
        ({"If-Match": "{etag}"}, 200),
        ({"If-Match": "{etag}", "If-None-Match": "{etag}"}, 304),
    ],
)
async def test_a_condition_is_answered_as_the_standard_says(
    sqlite_database_url: str, condition: dict[str, str], status: int
) -> None:
    async with an_application(sqlite_database_url, "") as client:
        await add(client)
        await assert_condition(client, condition, status)


async def assert_condition(client: AsyncClient, condition: dict[str, str], status: int) -> None:
    whole = await client.get(BOOKS)
    asked = {name: value.format(etag=whole.headers["ETag"]) for name, value in condition.items()}
    response = await client.get(BOOKS, headers=asked)
    assert response.status_code == status
    if status == 200:
        assert response.content == whole.content
    else:
        assert response.content == b""
        assert "Content-Length" not in response.headers
        assert response.headers["ETag"] == whole.headers["ETag"]
        assert response.headers["Cache-Control"] == whole.headers["Cache-Control"]


async def test_a_tag_changes_with_the_answer_and_with_its_representation(client: AsyncClient) -> None:
    before, packed = [(await client.get(BOOKS, headers=asked)).headers["ETag"] for asked in REPRESENTATIONS]
    await client.request(**changing_book(1, title="Dawn"))
    after = await client.get(BOOKS, headers={**REPRESENTATIONS[0], "If-None-Match": before})
    assert after.status_code == 200
    assert len({before, packed, after.headers["ETag"]}) == 3


@contextmanager
def no_later_than(seconds: float) -> Generator[None]:
    """Fail where the block takes longer: so long that only waiting for what never answers can be the cause."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


async def read_until(client: AsyncClient, status: str, title: str) -> None:
    """Read until the answer has this Cache-Status; every answer has `title`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        response = await client.get(BOOKS)
        assert said(response)[0]["title"] == title
        if response.headers["Cache-Status"] == status:
            return
        await asyncio.sleep(0.05)  # between two looks, not instead of one
    pytest.fail(f"no answer was {status}")


def lines(log: str, event_name: str) -> list[str]:
    return [line for line in log.splitlines() if f'"event":"{event_name}"' in line]


def kill(server: Valkey) -> Callable[[], None]:
    server.kill()
    return server.start


def freeze(server: Valkey) -> Callable[[], None]:
    server.freeze()
    return server.resume


def fill(server: Valkey) -> Callable[[], None]:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    return lambda: server.ask("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize("break_it", [kill, freeze, fill])
async def test_requests_go_on_without_a_broken_cache_and_use_it_again(
    sqlite_database_url: str,
    own_valkey: Valkey,
    break_it: Callable[[Valkey], Callable[[], None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with an_application(sqlite_database_url, own_valkey.url) as client:
        await add(client)
        await read_until(client, "app; hit", "Kindred")
        mend = break_it(own_valkey)
        with no_later_than(8):  # forty requests that each waited for the cache would take twice that
            for number in range(20):
                await client.request(**changing_book(1, title=f"Volume {number}"))
                assert await titles(client) == [f"Volume {number}"]
        mend()
        await read_until(client, "app; hit", "Volume 19")
    log = capsys.readouterr().err
    assert len(lines(log, "service down")) == 1
    assert len(lines(log, "service back")) == 1


async def test_an_application_starts_without_its_cache(sqlite_database_url: str, own_valkey: Valkey) -> None:
    own_valkey.kill()
    async with an_application(sqlite_database_url, own_valkey.url) as client:
        await add(client)
        assert await titles(client) == ["Kindred"]
        own_valkey.start()
        await read_until(client, "app; hit", "Kindred")


@pytest.mark.parametrize("garbage", [b"", b"7", b"bytes:\x93\x00", b"bytes:\x81", b"\xff\xfe", b"int:x", "list"])
async def test_garbage_in_the_cache_is_no_answer(
    sqlite_database_url: str, own_valkey: Valkey, garbage: bytes | str
) -> None:
    async with an_application(sqlite_database_url, own_valkey.url) as client:
        await add(client)
        await titles(client)
        for key in own_valkey.ask("KEYS", "*"):
            own_valkey.ask("DEL", key)
            own_valkey.ask("LPUSH" if garbage == "list" else "SET", key, garbage)
        assert await titles(client) == ["Kindred"]
        await client.request(**changing_book(1, title="Dawn"))
        await read_until(client, "app; hit", "Dawn")


class Explosive:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


async def test_code_in_the_cache_does_not_run(sqlite_database_url: str, own_valkey: Valkey, tmp_path: Path) -> None:
    planted = pickle.dumps(Explosive(tmp_path / "ran"))
    async with an_application(sqlite_database_url, own_valkey.url) as client:
        await add(client)
        await titles(client)
        for key in own_valkey.ask("KEYS", "*"):
            own_valkey.ask("SET", key, planted)
        assert await titles(client) == ["Kindred"]
    pickle.loads(planted)  # noqa: S301 - it would have run
    assert (tmp_path / "ran").exists()


async def test_the_cache_holds_no_more_than_it_may() -> None:
    store = CacheStore("")
    found = await store.look_up("0", ["tag"])
    assert found.tokens is not None
    for number in range(MAX_ENTRIES):
        await store.keep(str(number), Entry(0, "", [], b""), found.tokens, 1000)
    assert (await store.look_up("0", ["tag"])).entry is None


async def test_what_is_too_large_is_not_kept() -> None:
    store = CacheStore("")
    found = await store.look_up("0", ["tag"])
    assert found.tokens is not None
    for size, kept in ((MAX_ENTRY_BYTES // 2, True), (MAX_ENTRY_BYTES + 1, False)):
        await store.keep(str(size), Entry(0, "", [], bytes(size)), found.tokens, 1000)
        assert ((await store.look_up(str(size), ["tag"])).entry is not None) == kept


async def test_entries_made_at_once_do_not_end_at_once(valkey: str) -> None:
    store = CacheStore(valkey)
    await store.open()
    server = redis.Redis.from_url(valkey)
    found = await store.look_up("0", ["tag"])
    assert found.tokens is not None
    for number in range(20):
        await store.keep(str(number), Entry(0, "", [], b""), found.tokens, 1000)
    lifetimes = [server.pttl(str(number)) for number in range(20)]
    assert all(880_000 < lifetime <= 1_000_000 for lifetime in lifetimes)
    assert max(lifetimes) - min(lifetimes) > 10_000
    await store.close()
