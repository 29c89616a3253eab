"""How PostgreSQL finds the books of a list among a hundred thousand: by index, and no dearer at the end."""

from itertools import product

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import Database
from tests.door import books_at
from tests.plans import assert_walks_an_index, plan_of_list

NEAR_THE_END = 90_000
FILL = (
    "SET LOCAL session_replication_role = replica",  # takes foreign keys on trust
    "INSERT INTO catalog_author SELECT id, 'Author ' || id FROM generate_series(1, 10000) id",
    # A thousand of the authors wrote a hundred books each, all over the table.
    """
    INSERT INTO catalog_book (id, title, author_id, copies, on_loan)
    SELECT id, 'Book ' || id, id % 1000 + 1, 3, 1 FROM generate_series(1, 100000) id
    """,
    """
    INSERT INTO catalog_book_word (word, book_id) SELECT word, id FROM catalog_book,
    unnest(array['book', 'volume', 'sea', 'part' || id % 2, 'series' || id % 70]) word
    """,
    "ANALYZE",
)
AUTHORS = ({}, {"author": 3})
SEARCHES = (
    *("", "book", "series2", "book part0", "part0 series2"),
    *("book volume sea", "book volume sea part0", "book volume sea part0 series2"),
)


async def fill(session: AsyncSession) -> None:
    """Add books, with words that every book has, every other, and every seventieth."""
    for statement in FILL:
        await session.execute(text(statement))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_every_list_of_books_walks_an_index_and_its_end_costs_what_its_start_does(
    client: AsyncClient, database_url: str
) -> None:
    database = Database(database_url)
    await database.write(fill)
    await database.close()
    for author, words in product(AUTHORS, SEARCHES):
        search = author | ({"search": words} if words else {})
        first = await plan_of_list(client, database_url, books_at(**search))
        last = await plan_of_list(client, database_url, books_at(after=NEAR_THE_END, **search))
        assert_walks_an_index(first, last)
