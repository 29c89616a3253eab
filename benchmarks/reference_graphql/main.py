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
"""The reference: books over GraphQL as templates wire Strawberry, with ORM objects, a session a request, a DataLoader.

Reads the tables that the project's migrations have made; DATABASE_URL and PORT come from the environment.
"""

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy import BigInteger, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from strawberry.dataloader import DataLoader
from strawberry.fastapi import GraphQLRouter

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Collects the tables."""


class AuthorRow(Base):
    """Someone who wrote a book."""

    __tablename__ = "catalog_author"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(300), unique=True)


class BookRow(Base):
    """A title that the library holds."""

    __tablename__ = "catalog_book"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(AuthorRow.id))
    copies: Mapped[int]
    on_loan: Mapped[int]


@strawberry.type
class Author:
    """An author as readers see it."""

    id: strawberry.ID
    name: str


@strawberry.type
class Book:
    """A book as readers see it."""

    id: strawberry.ID
    title: str
    isbn: str | None
    copies: int
    available: int
    author_id: strawberry.Private[int]

    @strawberry.field
    async def author(self, info: strawberry.Info) -> Author:
        """Return who wrote it: one query for all books of a request."""
        return await info.context["authors"].load(self.author_id)


@strawberry.type
class Books:
    """A page of books."""

    nodes: list[Book]


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def books(self, info: strawberry.Info, first: int = 20) -> Books:
        """Return a page of books by id."""
        rows = await info.context["session"].scalars(select(BookRow).order_by(BookRow.id).limit(first))
        return Books(
            nodes=[
                Book(
                    id=strawberry.ID(str(row.id)),
                    title=row.title,
                    isbn=row.isbn,
                    copies=row.copies,
                    available=max(row.copies - row.on_loan, 0),
                    author_id=row.author_id,
                )
                for row in rows
            ]
        )


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield the session of one request."""
    async with new_session() as session:
        yield session


async def get_context(session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, Any]:
    """Return what the resolvers of one request share."""

    async def load_authors(keys: list[int]) -> list[Author]:
        rows = await session.scalars(select(AuthorRow).where(AuthorRow.id.in_(keys)))
        authors = {row.id: Author(id=strawberry.ID(str(row.id)), name=row.name) for row in rows}
        return [authors[key] for key in keys]

    return {"session": session, "authors": DataLoader(load_authors)}


app = FastAPI()
app.include_router(GraphQLRouter(strawberry.Schema(Query), context_getter=get_context), prefix="/graphql")

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]))
