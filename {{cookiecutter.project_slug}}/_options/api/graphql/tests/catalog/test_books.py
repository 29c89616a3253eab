"""The catalogue through its GraphQL door."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from app.kit.graphql.connections import cursor
from tests.conftest import TOKEN_HEADER
from tests.door import adding_book, bearing, book_at, changing_book, operation, said

WHOLE_PAGE = """
query Page($first: Int!, $after: String, $search: String! = "", $author: ID) {
  books(first: $first, after: $after, search: $search, author: $author) {
    edges { cursor node { title } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def add(client: AsyncClient, title: str, author: str = "Ursula K. Le Guin", **more: object) -> dict[str, Any]:
    return said(await client.request(**adding_book(title=title, author=author, **more)))


async def page(client: AsyncClient, **variables: object) -> dict[str, Any]:
    response = await client.post("/graphql", json={"query": WHOLE_PAGE, "variables": variables})
    assert response.status_code == 200, response.text
    return response.json()["data"]["books"]


async def titles(client: AsyncClient, **variables: object) -> list[str]:
    return [edge["node"]["title"] for edge in (await page(client, first=100, **variables))["edges"]]


async def test_a_new_book_is_in_the_next_list(client: AsyncClient) -> None:
    book = await add(client, "The Dispossessed", isbn="9780061054884", copies=2)
    assert (book["author"]["name"], book["available"]) == ("Ursula K. Le Guin", 2)
    assert said(await client.request(**operation("books"))) == [book]
    assert said(await client.get(book_at(int(book["id"])))) == book


async def test_pages_hold_every_book_once_and_in_order(client: AsyncClient) -> None:
    added = [(await add(client, f"Volume {number}"))["title"] for number in range(7)]
    seen: list[str] = []
    after, more = None, True
    while more:
        part = await page(client, first=3, after=after)
        seen += [edge["node"]["title"] for edge in part["edges"]]
        assert part["pageInfo"]["startCursor"] == part["edges"][0]["cursor"]
        assert part["pageInfo"]["hasPreviousPage"] is (after is not None)
        after, more = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
    assert seen == added


async def test_a_page_begins_after_any_edge_and_an_empty_one_has_no_cursors(client: AsyncClient) -> None:
    for number in range(3):
        await add(client, f"Volume {number}")
    first = await page(client, first=3)
    assert first["pageInfo"]["hasNextPage"] is False
    assert await titles(client, after=first["edges"][0]["cursor"]) == ["Volume 1", "Volume 2"]
    end = await page(client, first=3, after=first["pageInfo"]["endCursor"])
    assert end == {
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    }


async def test_books_are_found_by_words_and_by_author(client: AsyncClient) -> None:
    first = await add(client, "Winter Tide", "Ruthanna Emrys")
    await add(client, "Winter's Tale", "Mark Helprin")
    await add(client, "Deep Winter", "Ruthanna Emrys")
    author = first["author"]["id"]
    assert await titles(client, search="WINTER") == ["Winter Tide", "Winter's Tale", "Deep Winter"]
    assert await titles(client, author=author) == ["Winter Tide", "Deep Winter"]
    after = cursor(int(first["id"]))
    assert await titles(client, author=author, search="winter", after=after) == ["Deep Winter"]
    assert await titles(client, author="0") == await titles(client, author="x") == []


async def test_a_change_touches_only_the_fields_given(client: AsyncClient) -> None:
    book = await add(client, "The Tombs of Atuan", isbn="9780689845369", copies=3)
    changed = said(await client.request(**changing_book(int(book["id"]), title="Tombs of Atuan")))
    assert changed == book | {"title": "Tombs of Atuan"}
    changed = said(await client.request(**changing_book(int(book["id"]), isbn=None)))
    assert changed == book | {"title": "Tombs of Atuan", "isbn": None}


async def test_one_author_comes_of_many_books_added_at_once(client: AsyncClient) -> None:
    books = await asyncio.gather(*(add(client, f"Volume {number}", "New Author") for number in range(10)))
    assert len({book["author"]["id"] for book in books}) == 1


async def test_what_is_stored_may_not_allow_it(client: AsyncClient) -> None:
    await add(client, "Malafrena", isbn="9780425046470")
    other = await add(client, "Orsinian Tales")
    conflict = {"__typename": "Conflict", "message": "Another book has the ISBN 9780425046470."}
    again = adding_book(title="Again", author="Nobody", isbn="9780425046470")
    assert said(await client.request(**again)) == conflict
    assert said(await client.request(**changing_book(int(other["id"]), isbn="9780425046470"))) == conflict
    assert await titles(client, search="nobody") == []


@pytest.mark.parametrize("book_id", ["1", "01", "0", "-1", "x", "", "9007199254740992", "9" * 5000, "１"])
async def test_a_book_that_is_not_there_is_null_to_read_and_not_found_to_change(
    client: AsyncClient, book_id: str
) -> None:
    response = await client.request(**operation("book", id=book_id))
    assert response.json() == {"data": {"book": None}}
    missing = said(await client.request(**operation("change_book", id=book_id, change={"copies": 1})))
    assert missing["__typename"] == "NotFound"


@pytest.mark.parametrize(
    ("book", "field"),
    [
        ({"title": " ", "author": "B"}, "title"),
        ({"title": "A\u0000", "author": "B"}, "title"),
        ({"title": "A\nB", "author": "B"}, "title"),
        ({"title": "A" * 301, "author": "B"}, "title"),
        ({"title": "A", "author": ""}, "author"),
        ({"title": "A", "author": "B", "copies": -1}, "copies"),
        ({"title": "A", "author": "B", "copies": 1001}, "copies"),
        ({"title": "A", "author": "B", "isbn": "978"}, "isbn"),
    ],
)
async def test_an_input_that_oversteps_its_bounds_is_named(
    client: AsyncClient, book: dict[str, object], field: str
) -> None:
    invalid = said(await client.request(**adding_book(**book)))
    assert (invalid["__typename"], invalid["field"]) == ("Invalid", field)
    assert invalid["message"]
    assert await titles(client) == []


async def test_nothing_can_be_made_null_that_must_not_be(client: AsyncClient) -> None:
    book = await add(client, "Tehanu")
    invalid = said(await client.request(**changing_book(int(book["id"]), title=None)))
    assert (invalid["__typename"], invalid["field"]) == ("Invalid", "title")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}])
async def test_nobody_writes_without_the_token(client: AsyncClient, header: dict[str, str]) -> None:
    response = await client.request(**bearing(adding_book(title="A", author="B"), header))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await titles(client) == []


async def test_letters_of_all_scripts_survive(client: AsyncClient) -> None:
    book = await add(client, "戦争と平和 — Война и мир 📚", "Лев Толстой")
    assert said(await client.get(book_at(int(book["id"]))))["title"] == "戦争と平和 — Война и мир 📚"
    assert await titles(client, search="ВОЙНА") == ["戦争と平和 — Война и мир 📚"]


async def test_fields_have_the_names_that_a_client_gives_them(client: AsyncClient) -> None:
    await add(client, "Kindred", "Octavia E. Butler")
    query = """
    query Named($yes: Boolean!) {
      all: books { __typename nodes { ...Told no: isbn @skip(if: $yes) yes: copies @include(if: $yes) } }
    }
    fragment Told on Book { called: title ... on Book { by: author { __typename name } } }
    """
    response = await client.post("/graphql", json={"query": query, "variables": {"yes": True}}, headers=TOKEN_HEADER)
    book = {"called": "Kindred", "by": {"__typename": "Author", "name": "Octavia E. Butler"}, "yes": 1}
    assert response.json() == {"data": {"all": {"__typename": "BookConnection", "nodes": [book]}}}
    assert list(response.json()["data"]["all"]["nodes"][0]) == ["called", "by", "yes"]
