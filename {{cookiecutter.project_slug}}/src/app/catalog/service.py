"""What the catalogue does: its writes, as units of work. Knows no HTTP and no cache."""

from msgspec import UNSET
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.events import BookAdded, BookChanged
from app.catalog.jobs import ask_for_cover, ask_for_pages, warm_pages
from app.catalog.models import Author, Book, BookWord
from app.catalog.queries import words
from app.catalog.schemas import AuthorView, BookChange, BookView, NewBook
from app.kit import facts
from app.kit.database import lock
from app.kit.errors import Conflict, NotFound
from app.kit.jobs import enqueue


async def add_book(session: AsyncSession, new: NewBook) -> BookView:
    """Add a book, and its author where the library has none of that name; raise Conflict where its ISBN is taken."""
    author = await _author_named(session, new.author)
    book = Book(title=new.title, isbn=new.isbn, author=author, copies=new.copies, on_loan=0)
    session.add(book)
    await _save(session, book)
    await _index_words(session, book)
    await facts.state(session, BookAdded(book.id, book.title, book.copies))
    await ask_for_cover(session, book.id, book.isbn)
    await enqueue(session, warm_pages, book.id)
    await ask_for_pages(session, book.id)
    return _view(book)


async def change_book(session: AsyncSession, book_id: int, change: BookChange) -> BookView:
    """Apply `change`; raise NotFound if there is no such book, Conflict if its new ISBN is taken."""
    # Before it is read: of two changes at once, the later sees the earlier's and states it too.
    await lock(session, "book", book_id)
    row = (await session.execute(select(Book, Author).join(Book.author).where(Book.id == book_id))).first()
    if row is None:
        raise NotFound("book", book_id)
    book, author = row
    indexed = _text(book.title, author)
    if change.author is not UNSET and change.author != author.name:
        author = await _author_named(session, change.author)
    book.author = author
    if change.title is not UNSET:
        book.title = change.title
    if change.isbn is not UNSET and change.isbn != book.isbn:
        book.isbn, book.cover_url = change.isbn, None
        await ask_for_cover(session, book.id, book.isbn)
    if change.copies is not UNSET:
        book.copies = change.copies
    await _save(session, book)
    if _text(book.title, author) != indexed:
        await session.execute(delete(BookWord).where(BookWord.book_id == book.id))
        await _index_words(session, book)
    await facts.state(session, BookChanged(book.id, book.title, book.copies))
    await enqueue(session, warm_pages, book.id)
    await ask_for_pages(session, book.id)
    return _view(book)


async def _author_named(session: AsyncSession, name: str) -> Author:
    named = select(Author).where(Author.name == name)
    author = await session.scalar(named)
    if author is not None:
        return author
    author = Author(name=name)
    try:
        async with session.begin_nested():
            session.add(author)
    except IntegrityError:  # another request added the same author in between
        return (await session.scalars(named)).one()
    return author


async def _save(session: AsyncSession, book: Book) -> None:
    isbn = book.isbn  # out of reach once the statement has failed
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(f"Another book has the ISBN {isbn}.") from None


async def _index_words(session: AsyncSession, book: Book) -> None:
    rows = [{"word": word, "book_id": book.id} for word in words(_text(book.title, book.author))]
    if rows:
        await session.execute(insert(BookWord), rows)


def _text(title: str, author: Author) -> str:
    return f"{title} {author.name}"


def _view(book: Book) -> BookView:
    return BookView(
        id=book.id,
        title=book.title,
        isbn=book.isbn,
        author=AuthorView(id=book.author.id, name=book.author.name),
        copies=book.copies,
        available=max(book.copies - book.on_loan, 0),
        cover_url=book.cover_url,
    )
