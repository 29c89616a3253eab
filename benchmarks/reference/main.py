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
"""The reference: the list of books as FastAPI templates write it, with ORM objects, a session a request and pydantic.

Reads the tables that the project's migrations have made; DATABASE_URL and PORT come from the environment.
"""

import os
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Collects the tables."""


class Author(Base):
    """Someone who wrote a book."""

    __tablename__ = "catalog_author"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(300), unique=True)


class Book(Base):
    """A title that the library holds."""

    __tablename__ = "catalog_book"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id))
    copies: Mapped[int]
    on_loan: Mapped[int]

    author: Mapped[Author] = relationship()

    @property
    def available(self) -> int:
        """How many copies are free."""
        return max(self.copies - self.on_loan, 0)


class AuthorRead(BaseModel):
    """An author as readers see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class BookRead(BaseModel):
    """A book as readers see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    isbn: str | None
    author: AuthorRead
    copies: int
    available: int


class BookList(BaseModel):
    """A page of books."""

    model_config = ConfigDict(from_attributes=True)

    items: list[BookRead]
    next: int | None


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield the session of one request."""
    async with new_session() as session:
        yield session


app = FastAPI()


@app.get("/books", response_model=BookList)
async def list_books(
    session: Annotated[AsyncSession, Depends(get_session)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, object]:
    """Return a page of books by id, each with its author."""
    statement = select(Book).options(joinedload(Book.author)).where(Book.id > after).order_by(Book.id).limit(limit + 1)
    books = (await session.scalars(statement)).all()
    items = books[:limit]
    return {"items": items, "next": items[-1].id if len(books) > limit else None}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]))
