"""What goes in and out of the catalogue."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from app.catalog.models import MAX_URL
from app.kit.schemas import UNASKED, Id, Input, Line, Next, Schema

MAX_COPIES = 1000

Title = Annotated[Line, Meta(examples=["The Left Hand of Darkness"])]
AuthorName = Annotated[Line, Meta(examples=["Ursula K. Le Guin"])]
Isbn = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{9}[0-9X]|[0-9]{13})$(?!\n)",
        description="An ISBN of 10 or 13 characters without hyphens: digits, and X at the end of 10.",
        examples=["9780441478125"],
    ),
]
# `gt=-1` and not `ge=0`: Litestar 2.25 leaves a bound of 0 out of the description of an optional field.
Copies = Annotated[int, Meta(gt=-1, le=MAX_COPIES, description="How many the library owns.", examples=[3])]
Available = Annotated[int, Meta(ge=0, description="How many of them are free to borrow.", examples=[2])]

# Nothing but visible ASCII: it comes from elsewhere and goes into pages.
CoverUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[!-~]+$(?!\n)",
        max_length=MAX_URL,
        description="A picture of its cover, somewhere else.",
        examples=["https://covers.openlibrary.org/b/id/12379585-M.jpg"],
    ),
]


class AuthorView(Schema):
    """Who wrote a book."""

    id: Id = UNASKED
    name: AuthorName = UNASKED


class BookView(Schema):
    """A book as readers see it; complete unless `fields` chose."""

    id: Id = UNASKED
    title: Title = UNASKED
    isbn: Isbn | None = UNASKED
    author: AuthorView = UNASKED
    copies: Copies = UNASKED
    available: Available = UNASKED
    cover_url: CoverUrl | None = UNASKED


class BookPage(Schema):
    """A few books of a list, and where the next ones begin."""

    items: list[BookView]
    next: Next


class NewBook(Input):
    """A book to add."""

    title: Title
    author: AuthorName
    isbn: Isbn | None = None
    copies: Copies = 1


class BookChange(Input):
    """The fields to change; a field that is left out stays as it is."""

    title: Title | UnsetType = UNSET
    author: AuthorName | UnsetType = UNSET
    isbn: Isbn | UnsetType | None = UNSET
    copies: Copies | UnsetType = UNSET
