"""Covers of books, asked of Open Library, or of whatever speaks its Books API, by ISBN."""

import msgspec

from app.catalog.schemas import CoverUrl
from app.kit.outgoing import System
from app.kit.settings import Settings

OPEN_LIBRARY = "open library"


class _Cover(msgspec.Struct):
    medium: CoverUrl | None = None


class _Found(msgspec.Struct):
    cover: _Cover | None = None


def open_library(settings: Settings) -> System | None:
    """Return the system that knows covers; None where `settings` name none, so that nobody is asked."""
    if not settings.open_library_url:
        return None
    return System(OPEN_LIBRARY, settings.open_library_url, off=settings.practices_off)


async def cover_of(library: System, isbn: str) -> str | None:
    """Return the address of a picture of the cover, or None where the library has none.

    Raises Unavailable, BadAnswer or Refused: the book does without a cover until this is tried again.
    """
    key = f"ISBN:{isbn}"
    found = await library.get("/api/books", dict[str, _Found], {"bibkeys": key, "format": "json", "jscmd": "data"})
    book = found.get(key)
    return book.cover.medium if book and book.cover else None
