"""What the catalogue tells other modules, and what it hears from them."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.jobs import ask_for_pages
from app.catalog.models import Book
from app.kit.facts import Fact


class BookAdded(Fact):
    """Stated: the library has a new book."""

    book_id: int
    title: str
    copies: int


class BookChanged(Fact):
    """Stated: this is what a book is called and how many copies there are from now on."""

    book_id: int
    title: str
    copies: int


class LoanChanged(Fact):
    """Heard: so many copies of a book are lent from now on."""

    book_id: int
    on_loan: int


async def keep_on_loan(session: AsyncSession, fact: LoanChanged) -> None:
    """Keep the number of lent copies, so that availability is read without asking lending."""
    await session.execute(update(Book).where(Book.id == fact.book_id).values(on_loan=fact.on_loan))
    await ask_for_pages(session, fact.book_id)


HEARS = [(LoanChanged, keep_on_loan)]
