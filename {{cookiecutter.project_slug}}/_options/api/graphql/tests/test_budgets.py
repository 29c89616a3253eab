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

from app.kit.database import Database
from tests.conftest import TOKEN_HEADER, Budgets
from tests.door import operation

BOOK = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin", "isbn": "9780441478125"}
MEMBER = {"name": "Ada Byron", "email": "ada@example.org"}

# Each operation as budgets.toml names it, with the file of it and its variables.
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "AddBook": ("add_book", {"book": BOOK}),
    "ChangeBook": ("change_book", {"id": "1", "change": {"author": "U. K. Le Guin", "copies": 30}}),
    "AddMember": ("add_member", {"member": MEMBER}),
    "Borrow": ("borrow", {"bookId": "1", "memberId": "1"}),
    "GiveBack": ("give_back", {"loanId": "1"}),
    "Books": ("books", {}),
    "Book": ("book", {"id": "1"}),
    "Members": ("members", {}),
    "MemberLoans": ("member_loans", {"id": "1"}),
    "LoansOfMembers": ("loans_of_members", {}),
}
QUERIES = ("Books", "Book", "Members", "MemberLoans", "LoansOfMembers")
CHECKS = ("/health/live", "/health/ready")


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def fill(session: AsyncSession, rows: int) -> None:
    """Add so many books, each by an author of its own, and members, of whom each has lent ten of the books."""
    loans = [{"id": number, "owner": number // 10 + 1} for number in range(rows * 10)]
    ids = [{"id": number, "name": str(number)} for number in range(1, rows + 1)]
    for table, values, given in (
        ("catalog_author (id, name)", ":id, 'Author ' || :name", ids),
        ("catalog_book (id, title, author_id, copies, on_loan)", ":id, 'Volume ' || :name, :id, 1, 1", ids),
        ("lending_book (id, title, copies, on_loan)", ":id, 'Volume ' || :name, 1, 1", ids),
        ("lending_member (id, name, email)", ":id, 'Member ' || :name, :name || '@example.org'", ids),
        (
            "lending_loan (id, book_id, member_id, borrowed_at, due_on)",
            ":id, :owner, :owner, '2026-01-01', '2026-01-29'",
            loans,
        ),
    ):
        await session.execute(text(f"INSERT INTO {table} VALUES ({values})"), given)  # noqa: S608


async def test_every_operation_keeps_within_its_budget(client: AsyncClient, budgets: Budgets) -> None:
    for name, (file, variables) in OPERATIONS.items():
        response = await client.request(**operation(file, **variables))
        assert response.is_success, response.text
        assert "Saved" in response.text or name in QUERIES, response.text
        assert len(response.content) <= budgets[name]["bytes"], f"{name} sends {len(response.content)} bytes"
    for path in CHECKS:
        assert len((await client.get(path)).content) <= budgets[f"GET {path}"]["bytes"]


def test_every_persisted_operation_has_a_budget_and_a_request(project: Path, budgets: Budgets) -> None:
    folders = [project / "src", *project.glob("services/*/src")]
    files = [path for folder in folders for path in folder.glob("app/*/operations/*.graphql")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    names = {text.split()[1].partition("(")[0] for text in texts}
    assert names == set(OPERATIONS)
    assert names | {f"GET {path}" for path in CHECKS} == set(budgets)


async def test_a_request_over_its_budget_fails_its_test(
    client: AsyncClient, budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(budgets["Books"], "queries", 0)
    with pytest.raises(AssertionError, match=r"Books may run 0 statements and ran\s+1 x SELECT catalog_book\.id"):
        await client.request(**operation("books"))


@pytest.mark.parametrize(
    ("file", "page", "most"), [("books", "first", 1), ("members", "first", 1), ("loans_of_members", "first", 2)]
)
async def test_a_list_costs_as_many_queries_for_ten_rows_as_for_a_hundred(
    client: AsyncClient, database_url: str, file: str, page: str, most: int
) -> None:
    database = Database(database_url)
    await database.write(fill, 200)
    await database.close()
    noun = "query" if most == 1 else "queries"
    for size in (10, 20, 100):
        response = await client.request(**operation(file, **{page: size}))
        (connection,) = response.json()["data"].values()
        assert len(connection["nodes"]) == size
        assert f'desc="{most} {noun}"' in response.headers["Server-Timing"]


async def test_no_query_writes(client: AsyncClient, statements: list[str]) -> None:
    for name, (file, variables) in OPERATIONS.items():
        statements.clear()
        await client.request(**operation(file, **variables))
        if name in QUERIES:
            assert all(re.match("SELECT", statement) for statement in statements), f"{name} runs {statements}"


async def test_the_log_and_the_answer_name_the_operation(client: AsyncClient) -> None:
    response = await client.request(**operation("books"))
    assert response.headers["Server-Timing"].endswith(';desc="Books"')
    anonymous = await client.post("/graphql", json={"query": "{ books { nodes { id } } }"}, headers=TOKEN_HEADER)
    assert "app;dur=" in anonymous.headers["Server-Timing"].partition(", ")[2]
    assert "desc" not in anonymous.headers["Server-Timing"].partition(", ")[2]
