"""The sample through its GraphQL door: what tests ask of it that are not about GraphQL."""

from pathlib import Path
from typing import Any

from httpx import Response

from app import catalog, lending
from app.kit.graphql.connections import cursor
from app.kit.graphql.persisted import address_of
from tests.conftest import TOKEN_HEADER

# How `client.request` is to be called.
Asked = dict[str, Any]


def text_of(name: str) -> str:
    """Return the text of a persisted operation, by the name of its file."""
    folders = [Path(module.__file__ or "").parent / "operations" for module in (catalog, lending)]
    (path,) = (folder / f"{name}.graphql" for folder in folders if (folder / f"{name}.graphql").exists())
    return path.read_text(encoding="utf-8")


def at(name: str, **variables: object) -> str:
    """Return the address of a persisted query."""
    return address_of(text_of(name), **variables)


def getting(address: str) -> Asked:
    """Return the request for what is at an address."""
    return {"method": "GET", "url": address}


def operation(name: str, **variables: object) -> Asked:
    """Return the request that has an operation executed, by the text of its file."""
    return {
        "method": "POST",
        "url": DOOR,
        "json": {"query": text_of(name), "variables": variables},
        "headers": TOKEN_HEADER,
    }


DOOR = "/graphql"
BOOKS = at("books")
NO_BOOKS = at("books", first="x")
"""What is refused, with the status 400."""
A_WRITE = at("borrow", bookId="1", memberId="1")
"""The address of something that a GET must not do."""
MISSING = at("books", first=1000)
"""What fails, so that nobody keeps it."""
COVER = "coverUrl"
LINE_OF_A_BOOK = {"method": "GET", "path": "/graphql", "operation": "Book", "status": 200, "queries": 1}
"""What the log says of a request for a book that there is not."""
ADDING, LISTING, READING = "AddBook", "Books", "Book"
"""The names of operations in budgets and metrics."""
REPRESENTATIONS = ({"Accept": "application/json"}, {"Accept": "application/graphql-response+json"})


def books_at(**given: str | int) -> str:
    """Return the address of a list of books: `after` which id, by which `author`, found by `search`."""
    after = {"after": cursor(int(given["after"]))} if "after" in given else {}
    return at("books", **{**given, **after})


def book_at(book_id: int) -> str:
    """Return the address of a book."""
    return at("book", id=str(book_id))


def loans_at(member_id: int, after: int = 0) -> str:
    """Return the address of a member's loans that follow the loan `after`."""
    return at("member_loans", id=str(member_id), after=cursor(after) if after else None)


def adding_book(**book: object) -> Asked:
    """Return the request that adds a book."""
    return operation("add_book", book=book)


def changing_book(book_id: int, **change: object) -> Asked:
    """Return the request that changes a book."""
    return operation("change_book", id=str(book_id), change=change)


def adding_member(**member: str) -> Asked:
    """Return the request that adds a member."""
    return operation("add_member", member=member)


def borrowing(book_id: int, member_id: int) -> Asked:
    """Return the request that lends a book."""
    return operation("borrow", bookId=str(book_id), memberId=str(member_id))


def returning(loan_id: int | str) -> Asked:
    """Return the request that brings a book back."""
    return operation("give_back", loanId=str(loan_id))


def bearing(asked: Asked, headers: dict[str, str]) -> Asked:
    """Return a request with other headers, and so without the token."""
    return {**asked, "headers": headers}


def said(response: Response) -> Any:
    """Return the thing, or the list of things, that a good answer holds."""
    assert response.is_success, response.text
    (content,) = response.json()["data"].values()
    for inside in ("book", "member", "loan", "loans", "nodes"):
        content = content.get(inside, content) if content else content
    return content


def is_done(response: Response) -> bool:
    """Return whether it was done as asked."""
    (said,) = response.json()["data"].values()
    return said["__typename"].startswith("Saved")


def is_conflict(response: Response) -> bool:
    """Return whether something stored did not allow it."""
    return said(response)["__typename"] == "Conflict"
