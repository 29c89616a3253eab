# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "asyncpg==0.32.0",
#     "httptools==0.9.0",
#     "msgspec==0.22.0",
#     "uvicorn==0.54.0",
#     "uvloop==0.23.0; sys_platform != 'win32'",
# ]
# ///
"""The floor: the list of books with the driver, an encoder and a bare ASGI function; no routing, checks or log.

Reads the tables that the project's migrations have made; DATABASE_URL and PORT come from the environment.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import asyncpg
import msgspec
import uvicorn

BOOKS = """
SELECT book.id, book.title, book.isbn, book.copies,
       CASE WHEN book.copies > book.on_loan THEN book.copies - book.on_loan ELSE 0 END,
       author.id, author.name
FROM catalog_book AS book JOIN catalog_author AS author ON author.id = book.author_id
WHERE book.id > $1 ORDER BY book.id LIMIT $2
"""


class Author(msgspec.Struct):
    """Who wrote a book."""

    id: int
    name: str


class Book(msgspec.Struct):
    """A book as readers see it."""

    id: int
    title: str
    isbn: str | None
    author: Author
    copies: int
    available: int


class Page(msgspec.Struct):
    """A few books, and where the next ones begin."""

    items: list[Book]
    next: int | None


class App:
    """The ASGI function, and the pool of connections it reads from."""

    pool: asyncpg.Pool

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer every address with the list of books."""
        if scope["type"] == "lifespan":
            await receive()
            self.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], reset=_leave_as_it_is)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        limit = int(parse_qs(scope["query_string"])[b"limit"][0])
        rows = await self.pool.fetch(BOOKS, 0, limit + 1)
        items = [Book(row[0], row[1], row[2], Author(row[5], row[6]), row[3], row[4]) for row in rows[:limit]]
        body = ENCODER.encode(Page(items, items[-1].id if len(rows) > limit else None))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _leave_as_it_is(_connection: object) -> None:
    """Spare the round trip that cleans up a connection nothing has changed."""


ENCODER = msgspec.json.Encoder()

if __name__ == "__main__":
    uvicorn.run(App(), port=int(os.environ["PORT"]), access_log=False, log_level="warning")
