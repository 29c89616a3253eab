"""A selection: an answer has what was asked for, and no more than that is read from the database."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from tests.conftest import TOKEN_HEADER
from tests.door import adding_book, adding_member, borrowing, said

TABLES = {"catalog_book", "catalog_author", "catalog_book_word", "lending_loan", "lending_book", "lending_member"}


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
    """Return the client of a library with three books, of which two members have borrowed two each."""
    for number in range(3):
        said(await client.request(**adding_book(title=f"The Tide, part {number}", author="Ann Leckie", copies=5)))
    for member in (1, 2):
        said(await client.request(**adding_member(name="Ada Byron", email=f"ada{member}@example.org")))
        for book in (1, 2):
            said(await client.request(**borrowing(book, member)))
    return client


async def ask(client: AsyncClient, query: str, **variables: object) -> dict[str, Any]:
    response = await client.post("/graphql", json={"query": query, "variables": variables}, headers=TOKEN_HEADER)
    assert "errors" not in response.json(), response.text
    return response.json()["data"]


def columns_and_tables(statement: str) -> tuple[set[str], set[str]]:
    selected, _, rest = statement.removeprefix("SELECT ").partition("FROM ")
    return {column.strip().rpartition(".")[2] for column in selected.split(",")}, TABLES & set(rest.split())


@pytest.mark.parametrize(
    ("selected", "columns", "tables"),
    [
        ("nodes { title }", {"title", "id"}, {"catalog_book"}),
        ("nodes { author { id } }", {"author_id", "id"}, {"catalog_book"}),
        ("nodes { title } edges { node { isbn } }", {"title", "isbn", "id"}, {"catalog_book"}),
        ("edges { node { author { name } } }", {"name", "id"}, {"catalog_book", "catalog_author"}),
        ("nodes { __typename } pageInfo { hasNextPage }", {"id"}, {"catalog_book"}),
        ("edges { cursor }", {"id"}, {"catalog_book"}),
        ("...F", {"isbn", "cover_url", "id"}, {"catalog_book"}),
        ("nodes { title author @include(if: false) { name } isbn @skip(if: $yes) }", {"title", "id"}, {"catalog_book"}),
    ],
)
async def test_a_list_reads_the_columns_and_tables_that_it_needs_in_one_statement(
    library: AsyncClient, statements: list[str], selected: str, columns: set[str], tables: set[str]
) -> None:
    query = f"query Q($yes: Boolean! = true) {{ books {{ ... @include(if: $yes) {{ __typename }} {selected} }} }}"
    if "...F" in selected:
        query += " fragment F on BookConnection { nodes { ...G } } fragment G on Book { isbn coverUrl }"
    statements.clear()
    await ask(library, query)
    [statement] = statements
    assert columns_and_tables(statement) == (columns, tables)


async def test_one_book_reads_what_was_asked_for_and_not_its_key(library: AsyncClient, statements: list[str]) -> None:
    statements.clear()
    assert await ask(library, '{ book(id: "1") { title } }') == {"book": {"title": "The Tide, part 0"}}
    [statement] = statements
    assert columns_and_tables(statement) == ({"title"}, {"catalog_book"})


async def test_members_with_their_loans_and_titles_are_two_statements(
    library: AsyncClient, statements: list[str]
) -> None:
    statements.clear()
    query = "{ members { nodes { name loans(first: 1) { nodes { book { title } } pageInfo { hasNextPage } } } } }"
    loans = {"nodes": [{"book": {"title": "The Tide, part 0"}}], "pageInfo": {"hasNextPage": True}}
    assert await ask(library, query) == {"members": {"nodes": [{"name": "Ada Byron", "loans": loans}] * 2}}
    members, loans_read = statements
    assert columns_and_tables(members) == ({"name", "id"}, {"lending_member"})
    assert "lending_book.title" in loans_read
    assert "due_on" not in loans_read


async def test_loans_without_titles_join_nothing(library: AsyncClient, statements: list[str]) -> None:
    statements.clear()
    await ask(library, "{ members { nodes { loans { nodes { dueOn book { id } } } } } }")
    assert "lending_book" not in statements[1].replace("lending_loan.book_id", "")


async def test_loans_go_to_the_member_whose_they_are_in_pages(library: AsyncClient) -> None:
    loans = "loans(first: 1, after: $after) { edges { cursor node { id memberId } } }"
    query = f"query L($after: String) {{ members {{ nodes {{ id {loans} }} }} }}"
    for member in (await ask(library, query))["members"]["nodes"]:
        [edge] = member["loans"]["edges"]
        assert edge["node"]["memberId"] == member["id"]
    first = (await ask(library, query))["members"]["nodes"][0]["loans"]["edges"][0]
    later = (await ask(library, query, after=first["cursor"]))["members"]["nodes"][0]["loans"]["edges"][0]
    assert int(later["node"]["id"]) == int(first["node"]["id"]) + 1
