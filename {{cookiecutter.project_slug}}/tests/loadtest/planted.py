"""The application with faults in it, which the load test has to find."""

from typing import Any

from litestar import Litestar

from app.catalog import queries
from app.catalog.schemas import BookPage, BookView
from app.kit.app import build_app
from app.kit.commands import run
from app.kit.database import Read
from app.kit.settings import Settings
from app.lending import service
from tests.modules import MODULES

book, book_page = queries.book, queries.book_page


async def page_one_by_one(read: Read, *arguments: Any, **more: Any) -> BookPage:
    """Return the page, and ask for each of its books again."""
    page = await book_page(read, *arguments, **more)
    for item in page.items:
        await book(read, item.id, *arguments)
    return page


async def fat_book(*arguments: Any) -> BookView | None:
    """Return the book under a title that nobody wants to read."""
    found = await book(*arguments)
    if found is not None:
        found.title = found.title * 100
    return found


async def broken(*_: object) -> None:
    """Fail."""
    raise RuntimeError("planted")


def create_app() -> Litestar:
    """Return the application with all faults in it."""
    vars(queries).update(book=fat_book, book_page=page_one_by_one)
    vars(service).update(borrow=broken)
    return build_app(Settings.load(), MODULES, title="Planted")


if __name__ == "__main__":
    run(MODULES, "tests.loadtest.planted:create_app")
