"""The sample through its REST door: what tests ask of it that are not about REST."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from httpx import Response

from tests.conftest import TOKEN_HEADER

DOOR = "/books"
BOOKS = "/books"
NO_BOOKS = "/books?limit=0"
"""What is refused, with the status 400."""
A_WRITE = "/loans"
"""The address of something that a GET must not do."""
MISSING = "/books/99"
"""What fails, so that nobody keeps it."""
COVER = "cover_url"
LINE_OF_A_BOOK = {"method": "GET", "path": "/books/{book_id}", "status": 404, "queries": 1}
"""What the log says of a request for a book that there is not."""
ADDING, LISTING, READING = "POST /books", "GET /books", "GET /books/{book_id}"
"""The names of operations in budgets and metrics."""
REPRESENTATIONS = ({"Accept": "application/json"}, {"Accept": "application/msgpack"})

# How `client.request` is to be called.
Asked = dict[str, Any]


def books_at(**given: str | int) -> str:
    """Return the address of a list of books: `after` which id, by which `author`, found by `search`."""
    names = {"search": "q"}
    return f"/books?{urlencode({names.get(name, name): value for name, value in given.items()})}"


def book_at(book_id: int) -> str:
    """Return the address of a book."""
    return f"/books/{book_id}"


def loans_at(member_id: int, after: int = 0) -> str:
    """Return the address of a member's loans that follow the loan `after`."""
    return f"/members/{member_id}/loans?after={after}"


def adding_book(**book: object) -> Asked:
    """Return the request that adds a book."""
    return {"method": "POST", "url": "/books", "json": book, "headers": TOKEN_HEADER}


def changing_book(book_id: int, **change: object) -> Asked:
    """Return the request that changes a book."""
    return {"method": "PATCH", "url": f"/books/{book_id}", "json": change, "headers": TOKEN_HEADER}


def adding_member(**member: str) -> Asked:
    """Return the request that adds a member."""
    return {"method": "POST", "url": "/members", "json": member, "headers": TOKEN_HEADER}


def borrowing(book_id: int, member_id: int) -> Asked:
    """Return the request that lends a book."""
    body = {"book_id": book_id, "member_id": member_id}
    return {"method": "POST", "url": "/loans", "json": body, "headers": TOKEN_HEADER}


def returning(loan_id: int | str) -> Asked:
    """Return the request that brings a book back."""
    return {"method": "POST", "url": f"/loans/{loan_id}/return", "headers": TOKEN_HEADER}


def bearing(asked: Asked, headers: dict[str, str]) -> Asked:
    """Return a request with other headers, and so without the token."""
    return {**asked, "headers": headers}


def said(response: Response) -> Any:
    """Return the thing, or the list of things, that a good answer holds."""
    assert response.is_success, response.text
    packed = "msgpack" in response.headers["Content-Type"]
    content = msgspec.msgpack.decode(response.content) if packed else response.json()
    return content.get("items", content)


def is_done(response: Response) -> bool:
    """Return whether it was done as asked."""
    return response.is_success


def is_conflict(response: Response) -> bool:
    """Return whether something stored did not allow it."""
    return response.status_code == 409
