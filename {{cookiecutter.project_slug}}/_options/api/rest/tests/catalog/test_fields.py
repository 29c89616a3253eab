"""`?fields=…`: an answer has what was asked for, and no more than that is read from the database."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from tests.conftest import TOKEN_HEADER

TITLES = [f"The Tide, part {number}" for number in range(7)]
NAMES = "id, title, isbn, author, author.id, author.name, copies, available, cover_url"


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
async def library(client: AsyncClient) -> AsyncClient:
    """Return the client of a library with seven books of one author, numbered from 1."""
    for title in TITLES:
        response = await client.post("/books", json={"title": title, "author": "Ann Leckie"}, headers=TOKEN_HEADER)
        assert response.status_code == 201, response.text
    return client


async def get(client: AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("fields", "book"),
    [
        ("title", {"title": TITLES[0]}),
        ("isbn", {"isbn": None}),
        ("available,title", {"title": TITLES[0], "available": 1}),
        ("author", {"author": {"id": 1, "name": "Ann Leckie"}}),
        ("author.id", {"author": {"id": 1}}),
        ("author.name,author.name,id", {"id": 1, "author": {"name": "Ann Leckie"}}),
        ("author.name,author", {"author": {"id": 1, "name": "Ann Leckie"}}),
    ],
)
async def test_a_book_and_a_list_have_the_fields_asked_for_and_no_others(
    library: AsyncClient, fields: str, book: dict[str, Any]
) -> None:
    assert await get(library, f"/books/1?fields={fields}") == book
    assert await get(library, f"/books?limit=1&fields={fields}") == {"items": [book], "next": 1}


@pytest.mark.parametrize("path", ["/books/1", "/books"])
async def test_all_fields_are_those_of_an_answer_without_any_named(library: AsyncClient, path: str) -> None:
    complete = (await library.get(path)).content
    assert (await library.get(f"{path}?fields=")).content == complete
    assert (await library.get(f"{path}?fields=cover_url,available,copies,author,isbn,title,id")).content == complete


@pytest.mark.parametrize(
    "fields", ["pages", "title,", ",", "title, isbn", "Title", "author.", "author.books", "%00", "%ff"]
)
async def test_a_field_that_books_do_not_have_is_refused_with_those_they_have(client: AsyncClient, fields: str) -> None:
    for path in ("/books", "/books/1"):
        response = await client.get(f"{path}?fields={fields}")
        assert response.status_code == 400, response.text
        [error] = response.json()["errors"]
        assert error["field"] == "fields"
        assert NAMES in error["message"]


async def test_more_names_than_anyone_needs_are_refused(client: AsyncClient) -> None:
    response = await client.get("/books", params={"fields": ",".join(["title"] * 51)})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "fields"


@pytest.mark.parametrize(
    ("query", "columns", "tables"),
    [
        ("fields=title", {"title", "id"}, {"catalog_book"}),
        ("fields=id", {"id"}, {"catalog_book"}),
        ("fields=author.id", {"author_id", "id"}, {"catalog_book"}),
        ("fields=author.name", {"name", "id"}, {"catalog_book", "catalog_author"}),
        ("fields=title&author=1", {"title", "id"}, {"catalog_book"}),
        ("fields=title&q=tide", {"title", "id"}, {"catalog_book", "catalog_book_word"}),
    ],
)
async def test_a_list_reads_the_columns_and_tables_that_it_needs_in_one_statement(
    library: AsyncClient, statements: list[str], query: str, columns: set[str], tables: set[str]
) -> None:
    statements.clear()
    await get(library, f"/books?{query}")
    [statement] = statements
    selected, _, rest = statement.removeprefix("SELECT ").partition("FROM ")
    assert {column.strip().rpartition(".")[2] for column in selected.split(",")} == columns
    assert {word for word in rest.split() if word in {"catalog_book", "catalog_author", "catalog_book_word"}} == tables


async def test_one_book_reads_what_was_asked_for_and_not_its_key(library: AsyncClient, statements: list[str]) -> None:
    statements.clear()
    await get(library, "/books/1?fields=title")
    [statement] = statements
    assert statement.split()[:4] == ["SELECT", "catalog_book.title", "FROM", "catalog_book"]
    assert "JOIN" not in statement


@pytest.mark.parametrize("filters", ["", "&author=1", "&q=tide", "&author=1&q=tide+leckie"])
async def test_pages_of_titles_hold_every_book_once_and_in_order(library: AsyncClient, filters: str) -> None:
    seen: list[dict[str, str]] = []
    cursor: int | None = 0
    while cursor is not None:
        page = await get(library, f"/books?fields=title&limit=3&after={cursor}{filters}")
        seen += page["items"]
        cursor = page["next"]
    assert seen == [{"title": title} for title in TITLES]


async def test_a_list_of_titles_is_a_third_of_the_bytes(library: AsyncClient) -> None:
    complete, titles = await library.get("/books"), await library.get("/books?fields=title")
    assert len(titles.content) * 3 < len(complete.content)


async def test_a_write_answers_with_the_whole_book(library: AsyncClient) -> None:
    response = await library.patch("/books/1?fields=title", json={"copies": 2}, headers=TOKEN_HEADER)
    assert response.json() == await get(library, "/books/1")
