"""Covers, looked up at a stand-in for Open Library."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from app.catalog import service
from app.catalog.covers import cover_of, open_library
from app.kit.breaker import FAILURES
from app.kit.database import Database
from app.kit.outgoing import BadAnswer, CallFailed, System, Unavailable
from tests.conftest import make_settings
from tests.door import BOOKS, adding_book, book_at, changing_book, said
from tests.door import COVER as COVER_URL
from tests.standin import StandIn, standing_in

ISBN = "9780441478125"
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


async def keep(database_url: str, book_id: int, isbn: str = ISBN) -> None:
    database = Database(database_url)
    await database.write(service.keep_cover, book_id, isbn, COVER)
    await database.close()


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


async def test_a_kept_cover_is_on_the_book_until_its_isbn_changes(database_url: str, client: AsyncClient) -> None:
    book = await add(client)
    await keep(database_url, int(book["id"]))
    await client.request(**changing_book(book["id"], title=book["title"], isbn=ISBN))
    assert said(await client.get(BOOKS)) == [book | {COVER_URL: COVER}]
    await client.request(**changing_book(book["id"], isbn="9780061054884"))
    assert said(await client.get(BOOKS)) == [book | {"isbn": "9780061054884"}]


async def test_a_cover_that_was_looked_up_for_another_isbn_is_not_kept(database_url: str, client: AsyncClient) -> None:
    book = await add(client)
    await keep(database_url, int(book["id"]), "9780061054884")
    assert said(await client.get(book_at(book["id"]))) == book
