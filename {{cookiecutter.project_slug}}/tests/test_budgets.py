"""What a request of each operation costs, held against its line in budgets.toml."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from tests.conftest import TOKEN_HEADER

BOOK = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin", "isbn": "9780441478125"}
MEMBER = {"name": "Ada Byron", "email": "ada@example.org"}
LOAN = {"book_id": 1, "member_id": 1}

# Each operation as budgets.toml and the API's description name it, with the path and body of its request.
REQUESTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "POST /books": ("/books", BOOK),
    "PATCH /books/{book_id}": ("/books/1", {"author": "U. K. Le Guin", "copies": 30}),
    "POST /members": ("/members", MEMBER),
    "POST /loans": ("/loans", LOAN),
    "POST /loans/{loan_id}/return": ("/loans/1/return", None),
    "GET /books": ("/books", None),
    "GET /books/{book_id}": ("/books/1", None),
    "GET /members/{member_id}/loans": ("/members/1/loans", None),
    "GET /health/live": ("/health/live", None),
    "GET /health/ready": ("/health/ready", None),
}


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def test_every_operation_keeps_within_its_budget(
    client: AsyncClient, statements: list[str], project: Path
) -> None:
    budgets = tomllib.loads((project / "budgets.toml").read_text(encoding="utf-8"))
    for operation, (path, body) in REQUESTS.items():
        statements.clear()
        response = await client.request(operation.split()[0], path, json=body, headers=TOKEN_HEADER)
        assert response.is_success, response.text
        budget = budgets[operation]
        queries = [statement for statement in statements if not statement.startswith("BEGIN")]
        assert len(queries) <= budget["queries"], f"{operation} runs more than it may:\n" + "\n".join(queries)
        assert len(response.content) <= budget["bytes"], f"{operation} sends {len(response.content)} bytes"


async def test_every_operation_of_the_api_has_a_budget_and_a_request(client: AsyncClient, project: Path) -> None:
    description = (await client.get("/docs/openapi.json")).json()
    operations = {f"{method.upper()} {path}" for path, item in description["paths"].items() for method in item}
    budgets = tomllib.loads((project / "budgets.toml").read_text(encoding="utf-8"))
    assert operations == set(budgets) == set(REQUESTS)


async def test_a_list_costs_one_query_however_many_books_it_shows(client: AsyncClient, statements: list[str]) -> None:
    for number in range(100):
        book = {"title": f"Volume {number}", "author": f"Author {number}"}
        await client.post("/books", json=book, headers=TOKEN_HEADER)
    for limit in (10, 100):
        statements.clear()
        page = (await client.get("/books", params={"limit": limit})).json()
        assert len(page["items"]) == limit
        assert len(statements) == 1
