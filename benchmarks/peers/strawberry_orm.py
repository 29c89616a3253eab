# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "asyncpg==0.32.0",
#     "fastapi==0.165.0",
#     "httptools==0.9.0",
#     "sqlalchemy[asyncio]==2.1.9",
#     "strawberry-graphql[fastapi]==0.341.2",
#     "uvicorn==0.54.0",
#     "uvloop==0.23.0; sys_platform != 'win32'",
# ]
# ///
"""The whole library over GraphQL as templates wire Strawberry: ORM objects, a session a request, DataLoaders.

Documents are parsed and validated for each request. What the load test asks by hash is looked up in the project's own
files, which lie below OPERATIONS; DATABASE_URL, API_TOKEN and PORT come from the environment; tables.py has the tables.
"""

import os
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Self

import strawberry
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.dataloader import DataLoader
from strawberry.fastapi import GraphQLRouter
from strawberry.permission import BasePermission
from tables import ON_LOAN, Author, Book, Loan, Member, lifespan, new_session

FILES = Path(os.environ["OPERATIONS"]).glob("*/operations/*.graphql")
DOCUMENTS = {sha256(path.read_bytes()).hexdigest(): path.read_text(encoding="utf-8") for path in FILES}
BOOKS = select(Book, ON_LOAN)


class Bearer(BasePermission):
    """Lets who bears the token pass."""

    message = "the token is missing or wrong"

    def has_permission(self, source: object, info: strawberry.Info, **_: object) -> bool:  # noqa: ARG002
        """Return whether the request has the token."""
        return info.context["request"].headers.get("authorization") == f"Bearer {os.environ['API_TOKEN']}"


@strawberry.type(name="Author")
class AuthorOut:
    """An author."""

    id: strawberry.ID
    name: str


@strawberry.type(name="Book")
class BookOut:
    """A book."""

    id: strawberry.ID
    title: str
    isbn: str | None
    copies: int
    available: int
    author_id: strawberry.Private[int]
    cover_url: str | None = None

    @strawberry.field
    async def author(self, info: strawberry.Info) -> AuthorOut:
        """Return who wrote it: one query for all books of a request."""
        row = await info.context["authors"].load(self.author_id)
        return AuthorOut(id=strawberry.ID(str(row.id)), name=row.name)

    @classmethod
    def of(cls, row: Row[tuple[Book, int]]) -> Self:
        """Return a book with how many copies are free."""
        book, on_loan = row
        available = max(book.copies - on_loan, 0)
        number = strawberry.ID(str(book.id))
        return cls(
            id=number,
            title=book.title,
            isbn=book.isbn,
            copies=book.copies,
            available=available,
            author_id=book.author_id,
        )


@strawberry.type
class LoanedBook:
    """What a loan says of its book."""

    id: strawberry.ID
    title: str


@strawberry.type(name="Loan")
class LoanOut:
    """A loan."""

    id: strawberry.ID
    member_id: strawberry.ID
    borrowed_at: datetime
    due_on: date
    returned_at: datetime | None
    book_id: strawberry.Private[int]

    @strawberry.field
    async def book(self, info: strawberry.Info) -> LoanedBook:
        """Return what was lent: one query for all loans of a request."""
        row = await info.context["books"].load(self.book_id)
        return LoanedBook(id=strawberry.ID(str(row.id)), title=row.title)

    @classmethod
    def of(cls, loan: Loan) -> Self:
        """Return a loan as it goes out."""
        return cls(
            id=strawberry.ID(str(loan.id)),
            member_id=strawberry.ID(str(loan.member_id)),
            borrowed_at=loan.borrowed_at,
            due_on=loan.due_on,
            returned_at=loan.returned_at,
            book_id=loan.book_id,
        )


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class BookConnection:
    """A page of books."""

    nodes: list[BookOut]
    page_info: PageInfo


@strawberry.type
class LoanConnection:
    """A page of loans."""

    nodes: list[LoanOut]
    page_info: PageInfo


def page_info(rows: list[Any], first: int) -> PageInfo:
    """Return where a page of `first` ends, of which one more row was asked for."""
    return PageInfo(has_next_page=len(rows) > first, end_cursor=str(rows[:first][-1].id) if rows else None)


@strawberry.type(name="Member")
class MemberOut:
    """A member."""

    id: strawberry.ID
    name: str
    email: str

    @strawberry.field
    async def loans(self, info: strawberry.Info, first: int = 20, after: str | None = None) -> LoanConnection:
        """Return a page of the member's loans."""
        wanted = select(Loan).where(Loan.member_id == int(self.id), Loan.id > int(after or 0))
        rows = list(await info.context["session"].scalars(wanted.order_by(Loan.id).limit(first + 1)))
        return LoanConnection(nodes=[LoanOut.of(row) for row in rows[:first]], page_info=page_info(rows, first))


@strawberry.interface
class Failure:
    """Why something was not done."""

    message: str


@strawberry.type
class NotFound(Failure):
    """There is no such thing."""


@strawberry.type
class Conflict(Failure):
    """What is stored does not allow it."""


@strawberry.type
class Invalid(Failure):
    """A part of the input is not valid."""

    field: str


@strawberry.type
class SavedBook:
    """The book as it is now."""

    book: BookOut


@strawberry.type
class SavedMember:
    """The member as it is now."""

    member: MemberOut


@strawberry.type
class SavedLoan:
    """The loan as it is now."""

    loan: LoanOut


@strawberry.input
class NewBook:
    """A book to add."""

    title: str
    author: str
    isbn: str | None = None
    copies: int = 1


@strawberry.input
class BookChange:
    """What to change."""

    title: str | None = strawberry.UNSET
    copies: int | None = strawberry.UNSET


@strawberry.input
class NewMember:
    """A member to add."""

    name: str
    email: str


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def books(
        self,
        info: strawberry.Info,
        first: int = 20,
        after: str | None = None,
        author: strawberry.ID | None = None,
        search: str = "",
    ) -> BookConnection:
        """Return a page of books."""
        wanted = BOOKS.where(Book.id > int(after or 0)).order_by(Book.id).limit(first + 1)
        if author:
            wanted = wanted.where(Book.author_id == int(author))
        if search:
            found = or_(Book.title.ilike(f"%{search}%"), Author.name.ilike(f"%{search}%"))
            wanted = wanted.join(Book.author).where(found)
        books = [BookOut.of(row) for row in await info.context["session"].execute(wanted)]
        return BookConnection(nodes=books[:first], page_info=page_info(books, first))

    @strawberry.field
    async def book(self, info: strawberry.Info, id: strawberry.ID) -> BookOut | None:  # noqa: A002
        """Return a book."""
        row = (await info.context["session"].execute(BOOKS.where(Book.id == int(id)))).one_or_none()
        return BookOut.of(row) if row else None

    @strawberry.field(permission_classes=[Bearer])
    async def member(self, info: strawberry.Info, id: strawberry.ID) -> MemberOut | None:  # noqa: A002
        """Return a member."""
        member = await info.context["session"].get(Member, int(id))
        return member and MemberOut(id=id, name=member.name, email=member.email)


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation(permission_classes=[Bearer])
    async def add_book(
        self, info: strawberry.Info, book: NewBook
    ) -> Annotated[SavedBook | Conflict | Invalid, strawberry.union("AddedBook")]:
        """Add a book."""
        session: AsyncSession = info.context["session"]
        author = await session.scalar(select(Author).where(Author.name == book.author)) or Author(name=book.author)
        added = Book(title=book.title, isbn=book.isbn, copies=book.copies, author=author)
        session.add(added)
        await session.commit()
        return SavedBook(book=BookOut.of((await session.execute(BOOKS.where(Book.id == added.id))).one()))

    @strawberry.mutation(permission_classes=[Bearer])
    async def change_book(
        self,
        info: strawberry.Info,
        id: strawberry.ID,  # noqa: A002
        change: BookChange,
    ) -> Annotated[SavedBook | NotFound | Conflict | Invalid, strawberry.union("ChangedBook")]:
        """Change a book."""
        session: AsyncSession = info.context["session"]
        book = await session.get(Book, int(id))
        if book is None:
            return NotFound(message=f"There is no book {id}.")
        for name, value in vars(change).items():
            if value is not strawberry.UNSET:
                setattr(book, name, value)
        await session.commit()
        return SavedBook(book=BookOut.of((await session.execute(BOOKS.where(Book.id == book.id))).one()))

    @strawberry.mutation(permission_classes=[Bearer])
    async def add_member(
        self, info: strawberry.Info, member: NewMember
    ) -> Annotated[SavedMember | Conflict | Invalid, strawberry.union("AddedMember")]:
        """Add a member."""
        added = Member(name=member.name, email=member.email)
        info.context["session"].add(added)
        await info.context["session"].commit()
        return SavedMember(member=MemberOut(id=strawberry.ID(str(added.id)), name=added.name, email=added.email))

    @strawberry.mutation(permission_classes=[Bearer])
    async def borrow(
        self, info: strawberry.Info, book_id: strawberry.ID, member_id: strawberry.ID
    ) -> Annotated[SavedLoan | NotFound | Conflict, strawberry.union("Borrowed")]:
        """Lend a copy; the book is locked, so that the last one goes to one member."""
        session: AsyncSession = info.context["session"]
        book = await session.get(Book, int(book_id), with_for_update=True)
        if book is None or await session.get(Member, int(member_id)) is None:
            return NotFound(message="There is no such book or member.")
        taken = select(func.count()).where(Loan.book_id == book.id, Loan.returned_at.is_(None))
        if (await session.scalar(taken) or 0) >= book.copies:
            return Conflict(message="All copies are out.")
        now = datetime.now(UTC)
        due = (now + timedelta(days=28)).date()
        loan = Loan(book=book, member_id=int(member_id), borrowed_at=now, due_on=due, returned_at=None)
        session.add(loan)
        await session.commit()
        return SavedLoan(loan=LoanOut.of(loan))

    @strawberry.mutation(permission_classes=[Bearer])
    async def give_back(
        self, info: strawberry.Info, loan_id: strawberry.ID
    ) -> Annotated[SavedLoan | NotFound, strawberry.union("Returned")]:
        """End a loan."""
        session: AsyncSession = info.context["session"]
        loan = await session.get(Loan, int(loan_id))
        if loan is None:
            return NotFound(message=f"There is no loan {loan_id}.")
        loan.returned_at = loan.returned_at or datetime.now(UTC)
        await session.commit()
        return SavedLoan(loan=LoanOut.of(loan))


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield the session of one request."""
    async with new_session() as session:
        yield session


async def get_context(session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, Any]:
    """Return what the resolvers of one request share."""

    async def load_authors(keys: list[int]) -> list[Author]:
        authors = {row.id: row for row in await session.scalars(select(Author).where(Author.id.in_(keys)))}
        return [authors[key] for key in keys]

    async def load_books(keys: list[int]) -> list[Book]:
        books = {row.id: row for row in await session.scalars(select(Book).where(Book.id.in_(keys)))}
        return [books[key] for key in keys]

    return {"session": session, "authors": DataLoader(load_authors), "books": DataLoader(load_books)}


class Router(GraphQLRouter[dict[str, Any], None]):
    """Knows the load test's documents by their hashes."""

    def parse_query_params(self, params: Mapping[str, str | None]) -> dict[str, Any]:
        """Return what is asked, with the document that a hash stands for."""
        parsed = super().parse_query_params(params)
        if known := (parsed.get("extensions") or {}).get("persistedQuery"):
            parsed["query"] = DOCUMENTS[known["sha256Hash"]]
        return parsed


schema = strawberry.Schema(Query, Mutation)
app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=500)
app.include_router(Router(schema, context_getter=get_context), prefix="/graphql")

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
