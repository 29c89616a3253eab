"""All reads of the catalogue: statements built once, rows straight to structs."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, func, select
from sqlalchemy.orm import aliased

from app.catalog.models import WORD_LENGTH, Author, Book, BookWord
from app.catalog.schemas import BookPage, BookView
from app.kit.database import AnySelect, Read
from app.kit.fields import ALL, SELECTIONS, Fields, Source

MOST_WORDS = 5

# Fewer copies than are lent: some were withdrawn while they were out.
AVAILABLE = case((Book.copies > Book.on_loan, Book.copies - Book.on_loan), else_=0)
BOOK = Source(
    BookView,
    {
        "id": Book.id,
        "title": Book.title,
        "isbn": Book.isbn,
        "author.id": Book.author_id,
        "author.name": Author.name,
        "copies": Book.copies,
        "available": AVAILABLE,
        "cover_url": Book.cover_url,
    },
    joins={"author.name": Book.author},
)
LAST_ID = select(func.max(Book.id))


async def book(read: Read, book_id: int, fields: Fields = ALL) -> BookView | None:
    """Return `fields` of a book, or None: one query."""
    row = await read.first(_one_book(fields), {"book_id": book_id})
    return row and BOOK.view(row, fields)


async def book_page(
    read: Read, fields: Fields = ALL, *, limit: int, after: int = 0, author: int | None = None, q: str = ""
) -> BookPage:
    """Return `fields` of the `limit` books that follow the book `after`, by id: one query.

    `author` keeps only that author's; `q` only those whose title and author's name hold all its words (up to
    five, whole, in any case and order).
    """
    searched = words(q)[:MOST_WORDS]
    if q.strip() and not searched:
        return BookPage(items=[], next=None)
    statement = _page(fields, by_author=author is not None, by_words=len(searched))
    parameters: dict[str, Any] = {"after": after, "limit": limit + 1, "author": author}
    parameters |= {f"word_{position}": word for position, word in enumerate(searched)}
    rows = await read.all(statement, parameters)
    return BookPage(items=BOOK.views(rows[:limit], fields), next=rows[limit - 1].id if len(rows) > limit else None)


async def last_id(read: Read) -> int:
    """Return the highest id of a book, 0 where there is none: one query."""
    row = await read.first(LAST_ID)
    return (row and row[0]) or 0


def words(text: str) -> list[str]:
    """Return the distinct words of `text` as the search knows them: without case and width, 50 characters at most."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in re.findall(r"\w+", plain)))


@lru_cache(SELECTIONS)
def _one_book(fields: Fields) -> AnySelect:
    return BOOK.select(fields).where(Book.id == bindparam("book_id"))


@lru_cache(SELECTIONS)
def _page(fields: Fields, *, by_author: bool, by_words: int) -> AnySelect:
    """Return one of the list statements, twelve for each selection; each walks an index from `after` on."""
    statement = BOOK.select(fields, "id")
    keys = [Book.id]
    for position in range(by_words):
        found = aliased(BookWord)
        matches = and_(found.book_id == Book.id, found.word == bindparam(f"word_{position}"))
        statement = statement.join(found, matches)
        keys.append(found.book_id)
    if by_author:
        statement = statement.where(Book.author_id == bindparam("author"))
    # The keys are equal, but only where each is bounded does PostgreSQL start all of its indexes at `after`.
    statement = statement.where(*(key > bindparam("after") for key in keys)).order_by(keys[-1])
    return statement.limit(bindparam("limit", type_=Integer))
