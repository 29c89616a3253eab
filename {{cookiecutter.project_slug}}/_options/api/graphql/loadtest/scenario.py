"""What visitors do over GraphQL: browse, search, read, borrow, return; now and then a book is added or changed.

Queries are the project's own persisted ones, asked for by GET, as an application of its own would; what changes
something is sent as text.
"""

import itertools
import json
import random
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from locust import between, task

from loadtest.visitor import Visitor

BOOKS = 400
MEMBERS = 50
WORDS = ("amber", "bridge", "forest", "garden", "harbour", "quiet", "winter", "witness")
OK, NOT_MODIFIED = 200, 304
NUMBERS = itertools.count(1)


class Operation:
    """One of the project's own operations: its name, the module that serves it, and its text."""

    def __init__(self, module: str, name: str) -> None:
        spec = find_spec(f"app.{module}")
        folder = Path(spec.origin if spec and spec.origin else "").parent
        file = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")
        self.module = module
        self.name = name
        self.text = (folder / "operations" / f"{file}.graphql").read_text(encoding="utf-8")
        self.extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(self.text.encode()).hexdigest()}}

    def address(self, variables: dict[str, Any]) -> str:
        """Return where its answer is found, for a query."""
        given = {"variables": variables, "extensions": self.extensions}
        return f"/graphql?{urlencode({name: json.dumps(value) for name, value in given.items()})}"


BOOKS_QUERY, BOOK_QUERY = Operation("catalog", "Books"), Operation("catalog", "Book")
ADD_BOOK, CHANGE_BOOK = Operation("catalog", "AddBook"), Operation("catalog", "ChangeBook")
LOANS_QUERY, ADD_MEMBER = Operation("lending", "MemberLoans"), Operation("lending", "AddMember")
BORROW, GIVE_BACK = Operation("lending", "Borrow"), Operation("lending", "GiveBack")


class Reader(Visitor):
    """Someone who comes to the library; half of them have been there before and ask whether a page has changed."""

    wait_time = between(0.05, 0.15)

    def on_start(self) -> None:
        """Begin with nothing seen."""
        self.seen: dict[str, str] = {}

    @task(8)
    def browse(self) -> None:
        """Read the list from its begin, a few pages of it."""
        after = None
        for _ in range(random.randint(1, 3)):
            page = self.read(BOOKS_QUERY, after=after)
            if page is None or not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    @task(3)
    def search(self) -> None:
        """Look for a word and read the first book found."""
        page = self.read(BOOKS_QUERY, search=random.choice(WORDS))
        for book in (page or {"nodes": []})["nodes"][:1]:
            self.read(BOOK_QUERY, id=book["id"])

    @task(8)
    def look_at_a_book(self) -> None:
        """Read one book: a few are asked for often, and most of them seldom."""
        self.read(BOOK_QUERY, id=str(int(BOOKS ** random.random())))

    @task(1)
    def borrow_and_return(self) -> None:
        """Borrow a book, look at one's loans, bring it back; that all copies are out is an answer too."""
        member = str(random.randint(1, MEMBERS))
        borrowed = self.write(BORROW, bookId=str(random.randint(1, BOOKS)), memberId=member)
        self.call(LOANS_QUERY.module, LOANS_QUERY.name, LOANS_QUERY.address({"id": member}), headers=self.bearer)
        if borrowed is not None and "loan" in borrowed:
            self.write(GIVE_BACK, loanId=borrowed["loan"]["id"])

    @task(1)
    def keep_the_catalogue(self) -> None:
        """Add a book or a member, or change a book."""
        name = f"{random.getrandbits(48):x}-{next(NUMBERS)}"
        match random.randrange(3):
            case 0:
                self.write(ADD_BOOK, book={"title": f"Volume {name}", "author": "Load Test"})
            case 1:
                self.write(ADD_MEMBER, member={"name": "Load Test", "email": f"{name}@example.org"})
            case _:
                self.write(CHANGE_BOOK, id=str(random.randint(1, BOOKS)), change={"copies": random.randint(50, 60)})

    def problem(self, status: int, content: bytes) -> str | None:
        """Return what is wrong with an answer: 200 may hold errors too."""
        if status == OK and (errors := json.loads(content).get("errors")):
            return str(errors[0]["message"])
        return super().problem(status, content)

    def read(self, operation: Operation, **variables: Any) -> Any:
        """Return the answer to a query; None where it failed or where the reader has it already."""
        address = operation.address(variables)
        known = self.seen.get(address)
        condition = {"If-None-Match": known} if known and random.random() < 1 / 2 else {}
        answer = self.call(operation.module, operation.name, address, headers=condition)
        self.seen[address] = answer.headers.get("ETag", "")
        if not answer.ok or answer.status == NOT_MODIFIED:
            return None
        return next(iter(answer.json()["data"].values()))

    def write(self, operation: Operation, **variables: Any) -> Any:
        """Return what a mutation says; None where it failed."""
        body = {"query": operation.text, "variables": variables}
        answer = self.call(operation.module, operation.name, "/graphql", body=body, headers=self.bearer, method="POST")
        return next(iter(answer.json()["data"].values())) if answer.ok else None


VISITORS = [Reader]
