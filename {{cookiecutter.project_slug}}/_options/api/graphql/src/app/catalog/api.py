"""The catalogue over GraphQL."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

import strawberry
from strawberry import ID, UNSET

from app.catalog import models, queries, schemas, service
from app.catalog.schemas import BookView
from app.kit.graphql.connections import After, Connection, First, Page, bounds, number
from app.kit.graphql.controller import GraphqlPart
from app.kit.graphql.entities import Entity
from app.kit.graphql.failures import Conflict, Invalid, NotFound, checked
from app.kit.graphql.resolving import Info, chosen, chosen_of_page
from app.kit.graphql.schema import CACHED
from app.kit.http_cache import Public, Row

FRESH = timedelta(minutes=1)

AuthorFilter = Annotated[ID | None, strawberry.argument(description="Only books of the author with this id.")]
Search = Annotated[str, strawberry.argument(description="Only books with all these words in title or author.")]


@strawberry.type(description="Who wrote a book.")
class Author:
    """As `AuthorView`."""

    id: ID
    name: str


@strawberry.federation.type(keys=["id"], description="A book as readers see it.")
class Book:
    """As `BookView`."""

    id: ID
    title: str = strawberry.federation.field(shareable=True)
    isbn: str | None
    author: Author
    copies: int = strawberry.field(description="How many the library owns.")
    available: int = strawberry.field(description="How many of them are free to borrow.")
    cover_url: str | None = strawberry.field(description="A picture of its cover, somewhere else.")


@strawberry.input(description="A book to add.")
class NewBook:
    """As `schemas.NewBook`."""

    title: str
    author: str
    isbn: str | None = None
    copies: int = 1


@strawberry.input(description="The fields to change; a field that is left out stays as it is.")
class BookChange:
    """As `schemas.BookChange`."""

    title: str | None = UNSET
    author: str | None = UNSET
    isbn: str | None = UNSET
    copies: int | None = UNSET


@strawberry.type(description="The book as it is now.")
class SavedBook:
    """What a mutation did."""

    book: BookView = strawberry.field(graphql_type=Book)


AddedBook = Annotated[SavedBook | Conflict | Invalid, strawberry.union("AddedBook")]
ChangedBook = Annotated[SavedBook | NotFound | Conflict | Invalid, strawberry.union("ChangedBook")]


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field(
        graphql_type=Connection[Book],
        metadata={CACHED: Public(tags=[models.Book, models.Author], fresh=FRESH)},
        description="Books by id.",
    )
    async def books(
        self, info: Info, first: First = 20, after: After = None, author: AuthorFilter = None, search: Search = ""
    ) -> Page[BookView]:
        """Return a page of books."""
        limit, key = bounds(first, after)
        fields, by = chosen_of_page(info, BookView), None if author is None else number(author)
        page = await queries.book_page(info.context.read, fields, limit=limit, after=key, author=by, q=search[:100])
        return Page(page.items, key, more=page.next is not None)

    @strawberry.field(
        graphql_type=Book | None,
        metadata={CACHED: Public(tags=[Row(models.Book, "id"), models.Author], fresh=FRESH)},
        description="One book; null where there is none with this id.",
    )
    async def book(self, info: Info, id: ID) -> BookView | None:  # noqa: A002 - as clients call it
        """Return a book."""
        return await queries.book(info.context.read, number(id), chosen(info, BookView))


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation(
        graphql_type=AddedBook,
        description="Add a book; its author is added too where the library has none of that name.",
    )
    async def add_book(self, info: Info, book: NewBook) -> SavedBook:
        """Add a book."""
        return SavedBook(book=await info.context.write(service.add_book, checked(book, schemas.NewBook)))

    @strawberry.mutation(graphql_type=ChangedBook, description="Change the fields that are given.")
    async def change_book(self, info: Info, id: ID, change: BookChange) -> SavedBook:  # noqa: A002 - as clients call it
        """Change a book."""
        given = checked(change, schemas.BookChange)
        return SavedBook(book=await info.context.write(service.change_book, number(id), given))


class Catalog(GraphqlPart):
    """What the schema has of the catalogue."""

    query = Query
    mutation = Mutation
    entities: ClassVar = {Book: Entity(BookView, queries.BOOK)}
    operations = Path(__file__).parent / "operations"


CONTROLLERS = [Catalog]
