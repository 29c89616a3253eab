"""The tables of lending."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.kit.database import Key, UtcDateTime, new_metadata


class Base(DeclarativeBase):
    """Collects the tables of this module."""

    metadata = new_metadata()


class Member(Base):
    """Someone who may borrow."""

    __tablename__ = "lending_member"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    email: Mapped[str] = mapped_column(String(254), unique=True)


class Book(Base):
    """What lending knows of a book: a copy of the catalogue's facts, and how many copies are lent."""

    __tablename__ = "lending_book"
    __table_args__ = (CheckConstraint("on_loan >= 0", "on_loan"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(300))
    copies: Mapped[int]
    on_loan: Mapped[int] = mapped_column(default=0)


class Loan(Base):
    """One copy of a book, lent to a member."""

    __tablename__ = "lending_loan"
    __table_args__ = (
        Index(None, "member_id", "id"),  # a member's loans, in pages
        Index(None, "due_on"),  # whom to remind
        Index(None, "borrowed_at"),  # a month's loans
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    book_id: Mapped[int] = mapped_column(Key, ForeignKey(Book.id), index=True)
    member_id: Mapped[int] = mapped_column(Key, ForeignKey(Member.id))
    borrowed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_on: Mapped[date]
    returned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    book: Mapped[Book] = relationship(lazy="raise")


class Reminder(Base):
    """What a member was told of a loan that ends soon: stands in for a letter that leaves the house."""

    __tablename__ = "lending_reminder"

    loan_id: Mapped[int] = mapped_column(Key, ForeignKey(Loan.id), primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(String(254))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
