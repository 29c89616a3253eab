"""The tables of the catalogue."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.kit.database import Key, new_metadata

WORD_LENGTH = 50
MAX_URL = 500


class Base(DeclarativeBase):
    """Collects the tables of this module."""

    metadata = new_metadata()


class Author(Base):
    """Someone who wrote a book of the library."""

    __tablename__ = "catalog_author"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(300), unique=True)


class Book(Base):
    """A title that the library holds in one or more copies."""

    __tablename__ = "catalog_book"
    __table_args__ = (
        Index(None, "author_id", "id"),  # an author's books, in pages
        CheckConstraint("copies >= 0", "copies"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    author_id: Mapped[int] = mapped_column(Key, ForeignKey(Author.id))
    copies: Mapped[int]
    on_loan: Mapped[int] = mapped_column(default=0)
    """How many copies are lent: lending's number, kept here so that a list needs no second question."""
    cover_url: Mapped[str | None] = mapped_column(String(MAX_URL))

    author: Mapped[Author] = relationship(lazy="raise")


class BookWord(Base):
    """A word of a book's title or author, so that a search is a look-up in an index on every database."""

    __tablename__ = "catalog_book_word"

    word: Mapped[str] = mapped_column(String(WORD_LENGTH), primary_key=True)
    book_id: Mapped[int] = mapped_column(Key, ForeignKey(Book.id), primary_key=True, index=True)
