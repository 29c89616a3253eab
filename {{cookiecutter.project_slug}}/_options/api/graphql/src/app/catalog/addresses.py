"""Where clients find the pages of the catalogue."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from app.kit.graphql.persisted import address_of

OPERATIONS = Path(__file__).parent / "operations"


async def addresses_of(book_ids: Sequence[int]) -> list[str]:
    """Return the addresses of the first page of the list, and of these books' own pages."""
    read = [(OPERATIONS / name).read_text for name in ("books.graphql", "book.graphql")]
    books, book = [await asyncio.to_thread(text, "utf-8") for text in read]
    return [address_of(books), *(address_of(book, id=str(book_id)) for book_id in book_ids)]
