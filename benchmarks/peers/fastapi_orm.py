# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "asyncpg==0.32.0",
#     "fastapi==0.165.0",
#     "httptools==0.9.0",
#     "pydantic==2.14.3",
#     "sqlalchemy[asyncio]==2.1.9",
#     "uvicorn==0.54.0",
#     "uvloop==0.23.0; sys_platform != 'win32'",
# ]
# ///
"""The whole library as FastAPI templates write it: a session a request, ORM objects, pydantic, one table a noun.

DATABASE_URL, API_TOKEN and PORT come from the environment; tables.py has the tables.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from tables import ON_LOAN, Author, Book, Loan, Member, lifespan, new_session


class Out(BaseModel):
    """The base of what goes out."""

    model_config = ConfigDict(from_attributes=True)


class AuthorOut(Out):
    """An author."""

    id: int
    name: str


class BookOut(Out):
    """A book."""

    id: int
    title: str
    isbn: str | None
    author: AuthorOut
    copies: int
    available: int = 0
    cover_url: str | None = None


class BookPage(BaseModel):
    """A page of books."""

    items: list[BookOut]
    next: int | None


class MemberOut(Out):
    """A member."""

    id: int
    name: str
    email: str


class LoanedBook(Out):
    """What a loan says of its book."""

    id: int
    title: str


class LoanOut(Out):
    """A loan."""

    id: int
    book: LoanedBook
    member_id: int
    borrowed_at: datetime
    due_on: date
    returned_at: datetime | None


class LoanPage(BaseModel):
    """A page of loans."""

    items: list[LoanOut]
    next: int | None


class BookIn(BaseModel):
    """A book to add."""

    title: str
    author: str
    isbn: str | None = None
    copies: int = 1


class BookChange(BaseModel):
    """What to change."""

    title: str | None = None
    copies: int | None = None


class MemberIn(BaseModel):
    """A member to add."""

    name: str
    email: str


class LoanIn(BaseModel):
    """Who borrows what."""

    book_id: int
    member_id: int


async def session() -> AsyncIterator[AsyncSession]:
    """Yield a session for a request."""
    async with new_session() as session:
        yield session


def token(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    """Let who bears the token pass."""
    if given.credentials != os.environ["API_TOKEN"]:
        raise HTTPException(401)


Session = Annotated[AsyncSession, Depends(session)]
Limit = Annotated[int, Query(ge=1, le=100)]
NEEDS_TOKEN = [Depends(token)]
BOOKS = select(Book, ON_LOAN).options(joinedload(Book.author))

app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=500)


def book_out(row: Row[tuple[Book, int]]) -> BookOut:
    """Return a book with how many copies are free."""
    book, on_loan = row
    out = BookOut.model_validate(book)
    out.available = max(book.copies - on_loan, 0)
    return out


@app.get("/books")
async def list_books(session: Session, limit: Limit = 20, after: int = 0, q: str = "") -> BookPage:
    """Return a page of books."""
    wanted = BOOKS.where(Book.id > after).order_by(Book.id).limit(limit + 1)
    if q:
        wanted = wanted.join(Book.author).where(or_(Book.title.ilike(f"%{q}%"), Author.name.ilike(f"%{q}%")))
    rows = (await session.execute(wanted)).all()
    items = [book_out(row) for row in rows[:limit]]
    return BookPage(items=items, next=items[-1].id if len(rows) > limit else None)


@app.get("/books/{book_id}")
async def get_book(book_id: int, session: Session) -> BookOut:
    """Return a book."""
    row = (await session.execute(BOOKS.where(Book.id == book_id))).one_or_none()
    if row is None:
        raise HTTPException(404)
    return book_out(row)


@app.post("/books", status_code=201, dependencies=NEEDS_TOKEN)
async def add_book(data: BookIn, session: Session) -> BookOut:
    """Add a book."""
    author = await session.scalar(select(Author).where(Author.name == data.author)) or Author(name=data.author)
    book = Book(title=data.title, isbn=data.isbn, copies=data.copies, author=author)
    session.add(book)
    await session.commit()
    return await get_book(book.id, session)


@app.patch("/books/{book_id}", dependencies=NEEDS_TOKEN)
async def change_book(book_id: int, data: BookChange, session: Session) -> BookOut:
    """Change a book."""
    book = await session.get(Book, book_id)
    if book is None:
        raise HTTPException(404)
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(book, name, value)
    await session.commit()
    return await get_book(book_id, session)


@app.post("/members", status_code=201, dependencies=NEEDS_TOKEN)
async def add_member(data: MemberIn, session: Session) -> MemberOut:
    """Add a member."""
    member = Member(name=data.name, email=data.email)
    session.add(member)
    await session.commit()
    return MemberOut.model_validate(member)


@app.get("/members/{member_id}/loans", dependencies=NEEDS_TOKEN)
async def list_loans(member_id: int, session: Session, limit: Limit = 20, after: int = 0) -> LoanPage:
    """Return a page of a member's loans."""
    wanted = select(Loan).options(joinedload(Loan.book)).where(Loan.member_id == member_id, Loan.id > after)
    loans = (await session.scalars(wanted.order_by(Loan.id).limit(limit + 1))).all()
    if not loans and await session.get(Member, member_id) is None:
        raise HTTPException(404)
    items = [LoanOut.model_validate(loan) for loan in loans[:limit]]
    return LoanPage(items=items, next=items[-1].id if len(loans) > limit else None)


@app.post("/loans", status_code=201, dependencies=NEEDS_TOKEN)
async def borrow(data: LoanIn, session: Session) -> LoanOut:
    """Lend a copy; the book is locked, so that the last one goes to one member."""
    book = await session.get(Book, data.book_id, with_for_update=True)
    if book is None or await session.get(Member, data.member_id) is None:
        raise HTTPException(404)
    taken = select(func.count()).where(Loan.book_id == book.id, Loan.returned_at.is_(None))
    if (await session.scalar(taken) or 0) >= book.copies:
        raise HTTPException(409)
    now = datetime.now(UTC)
    loan = Loan(
        book=book, member_id=data.member_id, borrowed_at=now, due_on=(now + timedelta(days=28)).date(), returned_at=None
    )
    session.add(loan)
    await session.commit()
    return LoanOut.model_validate(loan)


@app.post("/loans/{loan_id}/return", dependencies=NEEDS_TOKEN)
async def give_back(loan_id: int, session: Session) -> LoanOut:
    """End a loan."""
    loan = await session.get(Loan, loan_id, options=[joinedload(Loan.book)])
    if loan is None:
        raise HTTPException(404)
    loan.returned_at = loan.returned_at or datetime.now(UTC)
    await session.commit()
    return LoanOut.model_validate(loan)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
