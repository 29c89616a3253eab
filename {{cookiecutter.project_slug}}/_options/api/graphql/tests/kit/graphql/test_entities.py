"""Entities: what a router over several services asks for by key, all at once, and only with the token."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from tests.conftest import TOKEN_HEADER
from tests.door import adding_book, adding_member, borrowing, said

QUERY = """query E($of: [_Any!]!) { _entities(representations: $of) {
    __typename ... on Book { isbn author { name } } ... on Member { email loans { nodes { id } } } } }"""


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def ask(client: AsyncClient, query: str, *of: object) -> Any:
    response = await client.post("/graphql", json={"query": query, "variables": {"of": of}}, headers=TOKEN_HEADER)
    return response.json()


def book(key: object) -> dict[str, object]:
    return {"__typename": "Book", "id": key}


async def test_entities_of_all_types_come_in_order_with_one_statement_for_each_type(
    client: AsyncClient, statements: list[str]
) -> None:
    for number in (1, 2):
        said(await client.request(**adding_book(title=f"Volume {number}", author="Somebody", isbn=None)))
    said(await client.request(**adding_member(name="Ada Byron", email="ada@example.org")))
    said(await client.request(**borrowing(1, 1)))
    statements.clear()
    answer = await ask(client, QUERY, book("2"), {"__typename": "Member", "id": "1"}, book("1"), book("9"), book("2"))
    volume = {"__typename": "Book", "isbn": None, "author": {"name": "Somebody"}}
    member = {"__typename": "Member", "email": "ada@example.org", "loans": {"nodes": [{"id": "1"}]}}
    assert answer == {"data": {"_entities": [volume, member, volume, None, volume]}}
    assert len(statements) == 3  # books, members, and the members' loans
    assert not any("cover_url" in statement for statement in statements)


@pytest.mark.parametrize(
    "wrong",
    [{"__typename": "Author", "id": "1"}, {"__typename": "LoanedBook", "id": "1"}, {"id": "1"}, "1", book(None)],
)
async def test_what_is_no_entity_is_refused_with_the_names_of_those_that_are(
    client: AsyncClient, wrong: object
) -> None:
    (error,) = (await ask(client, QUERY, wrong))["errors"]
    assert error["message"] == "A representation must have an `id` and a `__typename` of Book, Member."


async def test_more_entities_than_a_page_holds_are_refused(client: AsyncClient, statements: list[str]) -> None:
    statements.clear()
    (error,) = (await ask(client, QUERY, *[book(str(key)) for key in range(101)]))["errors"]
    assert error["message"] == "101 entities are asked for, and the limit is 100."
    assert statements == []


async def test_each_entity_costs_what_is_asked_of_it(client: AsyncClient) -> None:
    query = QUERY.replace("loans", "loans(first: 100)")
    member = {"__typename": "Member", "id": "1"}
    (error,) = (await ask(client, query, *[member] * 100))["errors"]
    assert error["extensions"]["code"] == "TOO_LARGE"
    assert await ask(client, query, member) == {"data": {"_entities": [None]}}


@pytest.mark.parametrize("query", ["{ _service { sdl } }", "{ _entities(representations: []) { __typename } }"])
async def test_a_router_needs_the_token(client: AsyncClient, query: str) -> None:
    assert (await client.post("/graphql", json={"query": query})).status_code == 401
    answer = await ask(client, query)
    assert "errors" not in answer
    if "sdl" in query:
        assert 'type Member @key(fields: "id")' in answer["data"]["_service"]["sdl"]
