"""How PostgreSQL finds a member's loans among a hundred thousand: by index, and no dearer at the end."""

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import Database
from tests.door import loans_at
from tests.plans import assert_walks_an_index, plan_of_list

NEAR_THE_END = 90_000
FILL = (
    "SET LOCAL session_replication_role = replica",  # takes foreign keys on trust
    "INSERT INTO lending_member SELECT id, 'Member ' || id, id || '@example.org' FROM generate_series(1, 1000) id",
    """
    INSERT INTO lending_book (id, title, copies, on_loan)
    SELECT id, 'Book ' || id, 3, 1 FROM generate_series(1, 100000) id
    """,
    # One member has every tenth loan, the others a hundred each.
    """
    INSERT INTO lending_loan (id, book_id, member_id, borrowed_at, due_on)
    SELECT id, id, CASE id % 10 WHEN 0 THEN 1 ELSE id % 1000 + 1 END, now(), current_date
    FROM generate_series(1, 100000) id
    """,
    "ANALYZE",
)


async def fill(session: AsyncSession) -> None:
    """Add members and loans."""
    for statement in FILL:
        await session.execute(text(statement))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_member_s_loans_are_walked_by_index_and_the_last_cost_what_the_first_do(
    client: AsyncClient, database_url: str
) -> None:
    database = Database(database_url)
    await database.write(fill)
    await database.close()
    for member in (1, 2):
        first = await plan_of_list(client, database_url, loans_at(member))
        last = await plan_of_list(client, database_url, loans_at(member, after=NEAR_THE_END))
        assert_walks_an_index(first, last)
