"""What goes in and out of lending."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from app.kit.schemas import UNASKED, Id, Input, Line, Next, Schema

MemberName = Annotated[Line, Meta(examples=["Ada Byron"])]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[!-?A-~]+@[!-?A-~]+$(?!\n)",
        description="An e-mail address in ASCII, with one `@` and no space.",
        examples=["ada@example.org"],
    ),
]


class NewMember(Input):
    """Someone to add."""

    name: MemberName
    email: Email


class MemberView(Schema):
    """Someone who may borrow; complete unless `fields` chose."""

    id: Id = UNASKED
    name: MemberName = UNASKED
    email: Email = UNASKED


class MemberPage(Schema):
    """A few members of a list, and where the next ones begin."""

    items: list[MemberView]
    next: Next


class NewLoan(Input):
    """Who borrows what."""

    book_id: Id
    member_id: Id


class LoanedBook(Schema):
    """What a loan says of its book."""

    id: Id = UNASKED
    title: Line = UNASKED


class LoanView(Schema):
    """A copy of a book in a member's hands, now or once; complete unless `fields` chose."""

    id: Id = UNASKED
    book: LoanedBook = UNASKED
    member_id: Id = UNASKED
    borrowed_at: datetime = UNASKED
    due_on: date = UNASKED
    returned_at: Annotated[datetime | None, Meta(description="Null while the book is out.")] = UNASKED


class LoanPage(Schema):
    """A few loans of a list, and where the next ones begin."""

    items: list[LoanView]
    next: Next
