"""Where clients find the pages of the catalogue."""

from collections.abc import Sequence


async def addresses_of(book_ids: Sequence[int]) -> list[str]:
    """Return the addresses of the first page of the list, and of these books' own pages."""
    return ["/books", *(f"/books/{book_id}" for book_id in book_ids)]
