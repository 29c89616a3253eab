"""What a request of each operation costs, held against its line in budgets.toml.

That none runs more statements than it may is checked in every test: see `WithinBudget` in conftest.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.app import build_app
from app.kit.database import Database
from tests.conftest import TOKEN_HEADER, Budgets, WithinBudget, client_of, make_settings
from tests.modules import MODULES
from tests.standin import standing_in

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
    "GET /members": ("/members", None),
    "GET /members/{member_id}/loans": ("/members/1/loans", None),
    "GET /health/live": ("/health/live", None),
    "GET /health/ready": ("/health/ready", None),
}
LISTS = ("/books", "/members/1/loans")


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def fill(session: AsyncSession, books: int) -> None:
    """Add so many books, each by an author of its own and each lent to the one member there is."""
    for table, values in {
        "catalog_author (id, name)": ":id, 'Author ' || :name",
        "catalog_book (id, title, author_id, copies, on_loan)": ":id, 'Volume ' || :name, :id, 1, 1",
        "lending_book (id, title, copies, on_loan)": ":id, 'Volume ' || :name, 1, 1",
        "lending_loan (id, book_id, member_id, borrowed_at, due_on)": ":id, :id, 1, '2026-01-01', '2026-01-29'",
    }.items():
        rows = [{"id": number, "name": str(number)} for number in range(1, books + 1)]
        statement = text(f"INSERT INTO {table} VALUES ({values})")  # noqa: S608
        await session.execute(statement, rows)


async def test_every_operation_keeps_within_its_budget(client: AsyncClient, budgets: Budgets) -> None:
    for operation, (path, body) in REQUESTS.items():
        response = await client.request(operation.split()[0], path, json=body, headers=TOKEN_HEADER)
        assert response.is_success, response.text
        assert len(response.content) <= budgets[operation]["bytes"], f"{operation} sends {len(response.content)} bytes"


async def test_every_operation_of_the_api_has_a_budget_and_a_request(client: AsyncClient, budgets: Budgets) -> None:
    description = (await client.get("/docs/openapi.json")).json()
    operations = {f"{method.upper()} {path}" for path, item in description["paths"].items() for method in item}
    assert operations == set(budgets) == set(REQUESTS)


async def test_a_request_over_its_budget_fails_its_test(
    client: AsyncClient, budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(budgets["GET /books"], "queries", 0)
    with pytest.raises(AssertionError, match=r"GET /books may run 0 statements and ran\s+1 x SELECT catalog_book\.id"):
        await client.get("/books")


async def test_a_request_that_waits_for_another_system_fails_its_test(
    sqlite_database_url: str, budgets: Budgets
) -> None:
    async with standing_in() as standin:
        settings = make_settings(
            DATABASE_URL=sqlite_database_url, OPEN_LIBRARY_URL=standin.url, PRACTICES_OFF="jobs,breaker"
        )
        app = build_app(settings, MODULES, title="Tests")
        app.asgi_handler = WithinBudget(app.asgi_handler, budgets | {"POST /books": {"queries": 100, "calls": 0}})
        async with client_of(app) as client:
            with pytest.raises(AssertionError, match="POST /books may make 0 calls to other systems and made 1"):
                await client.post("/books", json=BOOK, headers=TOKEN_HEADER)


async def test_where_pages_are_rendered_a_write_costs_one_statement_more(
    database_url: str, budgets: Budgets, tmp_path: Path
) -> None:
    app = build_app(make_settings(DATABASE_URL=database_url, PAGES_DIR=str(tmp_path)), MODULES, title="Tests")
    more = {name: budget | {"queries": budget["queries"] + name.startswith("P")} for name, budget in budgets.items()}
    app.asgi_handler = WithinBudget(app.asgi_handler, more)
    async with client_of(app) as client:
        for operation, (path, body) in REQUESTS.items():
            response = await client.request(operation.split()[0], path, json=body, headers=TOKEN_HEADER)
            assert response.is_success, response.text


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_costs_as_many_queries_for_ten_rows_as_for_a_thousand(
    client: AsyncClient, database_url: str, path: str
) -> None:
    await client.post("/members", json=MEMBER, headers=TOKEN_HEADER)
    database = Database(database_url)
    await database.write(fill, 1000)
    await database.close()
    for limit in (10, 100):
        response = await client.get(path, params={"limit": limit}, headers=TOKEN_HEADER)
        assert len(response.json()["items"]) == limit
        assert 'desc="1 query"' in response.headers["Server-Timing"]


async def test_no_get_writes(client: AsyncClient, statements: list[str]) -> None:
    for operation, (path, body) in REQUESTS.items():
        statements.clear()
        await client.request(operation.split()[0], path, json=body, headers=TOKEN_HEADER)
        if operation.startswith("GET"):
            assert all(re.match("SELECT", statement) for statement in statements), f"{operation} runs {statements}"
