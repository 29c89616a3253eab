"""Covers, looked up at a stand-in for Open Library."""

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from app.catalog.covers import cover_of, open_library
from app.kit.app import build_app
from app.kit.breaker import FAILURES
from app.kit.outgoing import BadAnswer, CallFailed, System, Unavailable
from tests.conftest import client_of, make_settings
from tests.door import BOOKS, adding_book, book_at, changing_book, said
from tests.door import COVER as COVER_URL
from tests.jobsite import Site
from tests.modules import MODULES
from tests.polling import until
from tests.standin import StandIn, standing_in

ISBN = "9780441478125"
IDLE_IN_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
)
COVER = "https://covers.example.org/b/id/1-M.jpg"
FOUND = {
    f"ISBN:{ISBN}": {
        "title": "The Left Hand of Darkness",
        "subjects": [{"name": "Science fiction", "url": "https://example.org/subjects/science_fiction"}],
        "cover": {"small": COVER.replace("-M", "-S"), "medium": COVER, "large": COVER.replace("-M", "-L")},
    }
}


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """Yield a stand-in that knows one book."""
    async with standing_in() as standin:
        standin.be_well(FOUND)
        yield standin


@pytest.fixture
async def library(standin: StandIn) -> AsyncIterator[System]:
    """Yield the library at the stand-in."""
    library = open_library(make_settings(OPEN_LIBRARY_URL=standin.url))
    assert library is not None
    yield library
    await library.close()


async def add(client: AsyncClient) -> dict[str, Any]:
    book = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin", "isbn": ISBN}
    added = said(await client.request(**adding_book(**book)))
    return said(await client.get(book_at(added["id"])))


def test_a_fresh_project_asks_nobody_for_covers() -> None:
    assert open_library(make_settings()) is None


async def test_a_cover_is_found_by_isbn(library: System, standin: StandIn) -> None:
    assert await cover_of(library, ISBN) == COVER
    [request] = standin.requests
    assert request.path == "/api/books"
    assert dict(request.query) == {"bibkeys": f"ISBN:{ISBN}", "format": "json", "jscmd": "data"}


@pytest.mark.parametrize("answer", [{}, {f"ISBN:{ISBN}": {}}, {f"ISBN:{ISBN}": {"cover": {"large": COVER}}}])
async def test_a_book_may_have_no_cover(library: System, standin: StandIn, answer: object) -> None:
    standin.be_well(answer)
    assert await cover_of(library, ISBN) is None


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://example.org/a b", "https://example.org/\n", "https://" + "a" * 500, 3, ""]
)
async def test_an_address_that_must_not_get_into_a_page_is_refused(
    library: System, standin: StandIn, url: object
) -> None:
    standin.be_well({f"ISBN:{ISBN}": {"cover": {"medium": url}}})
    with pytest.raises(BadAnswer):
        await cover_of(library, ISBN)


async def test_while_the_library_is_down_books_do_without_covers_and_it_is_left_alone(
    library: System, standin: StandIn, client: AsyncClient
) -> None:
    book = await add(client)
    standin.be_wrong(429)
    for _ in range(FAILURES):
        with pytest.raises(CallFailed):
            await cover_of(library, ISBN)
    asked = standin.calls
    with pytest.raises(Unavailable):
        await cover_of(library, ISBN)
    assert standin.calls == asked
    assert said(await client.get(book_at(book["id"]))) == book | {COVER_URL: None}


@asynccontextmanager
async def enriching(site: Site, standin: StandIn) -> AsyncGenerator[AsyncClient]:
    """Yield a client of the application with a worker inside, which asks the stand-in for covers."""
    settings = make_settings(DATABASE_URL=site.url, OPEN_LIBRARY_URL=standin.url, WORKER_INSIDE="true")
    async with client_of(build_app(settings, MODULES, title="Tests")) as client:
        yield client


async def test_a_book_is_answered_at_once_and_gets_its_cover_from_a_job(site: Site, standin: StandIn) -> None:
    standin.be_slow()
    async with enriching(site, standin) as client:
        book = await add(client)
        assert book[COVER_URL] is None
        standin.be_well(FOUND)
        await site.hurry()
        covered = book | {COVER_URL: COVER}
        assert said(await client.get(book_at(book["id"]))) == covered
        assert said(await client.get(BOOKS)) == [covered]
        await client.request(**changing_book(book["id"], title=book["title"], isbn=ISBN))
        assert said(await client.get(book_at(book["id"]))) == covered
        await client.request(**changing_book(book["id"], isbn="9780061054884"))
        assert said(await client.get(book_at(book["id"]))) == book | {"isbn": "9780061054884"}
        await site.hurry()
    assert {request.query["bibkeys"] for request in standin.requests} == {f"ISBN:{ISBN}", "ISBN:9780061054884"}


async def test_while_the_library_is_down_the_page_works_without_a_cover_which_comes_when_it_is_back(
    site: Site, standin: StandIn
) -> None:
    standin.be_dead()
    async with enriching(site, standin) as client:
        book = await add(client)

        async def failed() -> bool:
            [job] = [row for row in await site.jobs() if row.name == "enrich_book"]
            return bool(job.error)

        await until(failed)
        assert said(await client.get(book_at(book["id"]))) == book
        standin.be_well(FOUND)
        await site.hurry()
        assert said(await client.get(book_at(book["id"]))) == book | {COVER_URL: COVER}


async def test_while_the_library_is_asked_no_transaction_keeps_others_waiting(site: Site, standin: StandIn) -> None:
    async def asked() -> bool:
        return standin.calls > 0

    async def nobody_may_write() -> bool:
        if not site.url.startswith("sqlite"):
            return await site.database.read.first(IDLE_IN_TRANSACTION) == (0,)
        with closing(sqlite3.connect(site.url.removeprefix("sqlite:///"), timeout=0)) as another:
            try:
                another.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    standin.be_slow()
    async with enriching(site, standin) as client:
        await add(client)
        await until(asked)
        await until(nobody_may_write)  # the worker itself does so now and then, for a moment
        standin.be_well(FOUND)
        await site.hurry()


async def test_a_cover_that_was_looked_up_for_another_isbn_is_not_kept(site: Site, standin: StandIn) -> None:
    standin.be_slow()
    async with enriching(site, standin) as client:
        book = await add(client)

        async def asked() -> bool:
            return standin.calls > 0

        await until(asked)
        change = {"isbn": "9780061054884"}
        await client.request(**changing_book(book["id"], **change))
        standin.be_well(FOUND)
        await site.hurry()
        assert said(await client.get(book_at(book["id"]))) == book | change


async def test_a_process_without_an_address_leaves_no_job_for_covers(site: Site) -> None:
    async with client_of(build_app(make_settings(DATABASE_URL=site.url), MODULES, title="Tests")) as client:
        await add(client)
    assert [row.name for row in await site.jobs()] == ["warm_pages"]
