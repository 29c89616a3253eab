"""The library's tables as plain templates write them, one a noun, shared by the plain apps beside this file.

They lie in the schema `peer` and begin with a copy of what the project's sample data put into `catalog_` and
`lending_`. DATABASE_URL comes from the environment.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime

from sqlalchemy import DateTime, ForeignKey, MetaData, String, func, select, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))
new_session = async_sessionmaker(engine, expire_on_commit=False)
COPIES = """
INSERT INTO peer.author (id, name) SELECT id, name FROM catalog_author;
INSERT INTO peer.book (id, title, isbn, author_id, copies) SELECT id, title, isbn, author_id, copies FROM catalog_book;
INSERT INTO peer.member (id, name, email) SELECT id, name, email FROM lending_member;
INSERT INTO peer.loan (id, book_id, member_id, borrowed_at, due_on, returned_at)
    SELECT id, book_id, member_id, borrowed_at, due_on, returned_at FROM lending_loan;
SELECT setval('peer.author_id_seq', (SELECT max(id) FROM peer.author));
INSERT INTO peer.author (name) VALUES ('Load Test') ON CONFLICT DO NOTHING;
SELECT setval('peer.book_id_seq', (SELECT max(id) FROM peer.book));
SELECT setval('peer.member_id_seq', (SELECT max(id) FROM peer.member));
SELECT setval('peer.loan_id_seq', (SELECT max(id) FROM peer.loan))
"""


class Base(DeclarativeBase):
    """Collects the tables."""

    metadata = MetaData(schema="peer")


class Author(Base):
    """Someone who wrote a book."""

    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(300), unique=True)


class Book(Base):
    """A title that the library holds."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("peer.author.id"), index=True)
    copies: Mapped[int]
    author: Mapped[Author] = relationship()


class Member(Base):
    """Someone who may borrow."""

    __tablename__ = "member"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    email: Mapped[str] = mapped_column(String(254), unique=True)


class Loan(Base):
    """A copy in a member's hands."""

    __tablename__ = "loan"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("peer.book.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("peer.member.id"), index=True)
    borrowed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_on: Mapped[date]
    returned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    book: Mapped[Book] = relationship()


ON_LOAN = (
    select(func.count()).where(Loan.book_id == Book.id, Loan.returned_at.is_(None)).correlate(Book).scalar_subquery()
)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Make and fill the tables."""
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA IF EXISTS peer CASCADE"))
        await connection.execute(text("CREATE SCHEMA peer"))
        await connection.run_sync(Base.metadata.create_all)
        for statement in COPIES.split(";"):
            await connection.execute(text(statement))
    yield
    await engine.dispose()
