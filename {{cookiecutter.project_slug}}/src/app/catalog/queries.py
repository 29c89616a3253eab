"""All reads of the catalogue: statements built once, rows straight to structs."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, select
from sqlalchemy.orm import aliased

from app.catalog.models import WORD_LENGTH, Author, Book, BookWord
from app.catalog.schemas import AuthorView, BookPage, BookView
from app.kit.database import AnyRow, AnySelect, Read

MOST_WORDS = 5

# Fewer copies than are lent: some were withdrawn while they were out.
AVAILABLE = case((Book.copies > Book.on_loan, Book.copies - Book.on_loan), else_=0)
BOOK = select(Book.id, Book.title, Book.isbn, Book.copies, AVAILABLE, Author.id, Author.name).join(Book.author)
ONE_BOOK = BOOK.where(Book.id == bindparam("book_id"))


async def book(read: Read, book_id: int) -> BookView | None:
    """Return a book with its author and availability, or None: one query."""
    row = await read.first(ONE_BOOK, {"book_id": book_id})
    return row and _view(row)


async def book_page(read: Read, *, limit: int, after: int = 0, author: int | None = None, q: str = "") -> BookPage:
    """Return the `limit` books that follow the book `after`, by id, with author and availability: one query.

    `author` keeps only that author's; `q` only those whose title and author's name hold all its words (up to
    five, whole, in any case and order).
    """
    searched = words(q)[:MOST_WORDS]
    if q.strip() and not searched:
        return BookPage(items=[], next=None)
    statement = _page(by_author=author is not None, by_words=len(searched))
    parameters: dict[str, Any] = {"after": after, "limit": limit + 1, "author": author}
    parameters |= {f"word_{position}": word for position, word in enumerate(searched)}
    return _page_view(await read.all(statement, parameters), limit)


def words(text: str) -> list[str]:
    """Return the distinct words of `text` as the search knows them: without case and width, 50 characters at most."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in re.findall(r"\w+", plain)))


@cache
def _page(*, by_author: bool, by_words: int) -> AnySelect:
    """Return one of the twelve list statements; each walks an index from `after` on."""
    statement = BOOK
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


def _page_view(rows: Sequence[AnyRow], limit: int) -> BookPage:
    items = [_view(row) for row in rows[:limit]]
    return BookPage(items=items, next=items[-1].id if len(rows) > limit else None)


def _view(row: AnyRow) -> BookView:
    book_id, title, isbn, copies, available, author_id, author_name = row
    return BookView(
        id=book_id,
        title=title,
        isbn=isbn,
        author=AuthorView(id=author_id, name=author_name),
        copies=copies,
        available=available,
    )
