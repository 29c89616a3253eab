"""What lending tells other modules, and what it hears from them."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.facts import Fact
from app.lending.models import Book


class LoanChanged(Fact):
    """Stated: so many copies of a book are lent from now on."""

    book_id: int
    on_loan: int


class BookAdded(Fact):
    """Heard: there is a new book to lend."""

    book_id: int
    title: str
    copies: int


class BookChanged(BookAdded):
    """Heard: this is what a book is called and how many copies there are from now on."""


async def keep_book(session: AsyncSession, fact: BookAdded) -> None:
    """Keep what lending needs of a book, so that a loan never waits for the catalogue."""
    known = update(Book).where(Book.id == fact.book_id).values(title=fact.title, copies=fact.copies)
    if await session.scalar(known.returning(Book.id)) is None:
        session.add(Book(id=fact.book_id, title=fact.title, copies=fact.copies, on_loan=0))


HEARS = [(BookAdded, keep_book), (BookChanged, keep_book)]
