"""The catalogue over REST."""

from datetime import timedelta
from typing import Annotated

from litestar import Controller, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.params import JSONBody, QueryParameter

from app.catalog import queries, service
from app.catalog.models import Author, Book
from app.catalog.schemas import BookChange, BookPage, BookView, NewBook
from app.kit.errors import NotFound, problems
from app.kit.http_cache import Public, Row
from app.kit.negotiation import Negotiated
from app.kit.parameters import After, Chosen, Limit, PathId, Reads, Writes, fields_of
from app.kit.schemas import MAX_INTEGER
from app.kit.security import NEEDS_TOKEN

FRESH = timedelta(minutes=1)
LOCATION = ResponseHeader("Location", value="", documentation_only=True, description="The path of the new book.")

AuthorFilter = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_INTEGER, description="Only books of the author with this id.")
]
Search = Annotated[
    str, QueryParameter(max_length=100, description="Only books with all these words in title or author.")
]


class Books(Controller):
    """Books: public to read."""

    path = "/books"
    tags = ("catalog",)

    @get(
        cached=Public(tags=[Book, Author], fresh=FRESH),
        dependencies={"chosen": fields_of(BookView)},
        summary="List books",
        response_description="The page.",
        responses=problems(400),
    )
    async def list_books(
        self,
        read: Reads,
        chosen: Chosen,
        limit: Limit = 20,
        after: After = 0,
        author: AuthorFilter = None,
        q: Search = "",
    ) -> BookPage:
        """Return a page of books by id, each with its author and how many copies are free."""
        return await queries.book_page(read, chosen, limit=limit, after=after, author=author, q=q)

    @get(
        "/{book_id:int}",
        cached=Public(tags=[Row(Book, "book_id"), Author], fresh=FRESH),
        dependencies={"chosen": fields_of(BookView)},
        summary="Get a book",
        response_description="The book.",
        responses=problems(400, 404),
    )
    async def get_book(self, read: Reads, book_id: PathId, chosen: Chosen) -> BookView:
        """Return one book with its author and how many copies are free."""
        book = await queries.book(read, book_id, chosen)
        if book is None:
            raise NotFound("book", book_id)
        return book

    @post(
        summary="Add a book",
        response_description="The book, with its id.",
        response_headers=[LOCATION],
        responses=problems(400, 401, 409),
        **NEEDS_TOKEN,
    )
    async def add_book(self, write: Writes, data: JSONBody[NewBook]) -> Negotiated[BookView]:
        """Add a book; its author is added too where the library has none of that name."""
        book = await write(service.add_book, data)
        return Negotiated(book, headers={"Location": f"/books/{book.id}"})

    @patch(
        "/{book_id:int}",
        summary="Change a book",
        response_description="The book as it is now.",
        responses=problems(400, 401, 404, 409),
        **NEEDS_TOKEN,
    )
    async def change_book(self, write: Writes, book_id: PathId, data: JSONBody[BookChange]) -> BookView:
        """Change the fields that are given and leave the others."""
        return await write(service.change_book, book_id, data)


CONTROLLERS = [Books]
