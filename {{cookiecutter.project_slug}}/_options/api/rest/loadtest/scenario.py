"""What visitors do over REST: browse, search, read, borrow, return; now and then a book is added or changed."""

import itertools
import random
from collections.abc import Mapping
from typing import Any

from locust import between, task

from loadtest.visitor import Answer, Visitor

BOOKS = 400
MEMBERS = 50
WORDS = ("amber", "bridge", "forest", "garden", "harbour", "quiet", "winter", "witness")
CREATED, NOT_MODIFIED, CONFLICT = 201, 304, 409
NUMBERS = itertools.count(1)


class Reader(Visitor):
    """Someone who comes to the library; half of them have been there before and ask whether a page has changed."""

    wait_time = between(0.05, 0.15)

    def on_start(self) -> None:
        """Begin with nothing seen."""
        self.seen: dict[str, str] = {}

    @task(8)
    def browse(self) -> None:
        """Read the list from its begin, a few pages of it."""
        after = 0
        for _ in range(random.randint(1, 3)):
            page = self.read("GET /books", f"/books?limit=20&after={after}")
            if page is None or not (after := page["next"] or 0):
                return

    @task(3)
    def search(self) -> None:
        """Look for a word and read the first book found."""
        page = self.read("GET /books", f"/books?q={random.choice(WORDS)}&fields=id,title,author.name,available")
        for book in (page or {"items": []})["items"][:1]:
            self.read("GET /books/{book_id}", f"/books/{book['id']}")

    @task(8)
    def look_at_a_book(self) -> None:
        """Read one book: a few are asked for often, and most of them seldom."""
        self.read("GET /books/{book_id}", f"/books/{int(BOOKS ** random.random())}")

    @task(1)
    def borrow_and_return(self) -> None:
        """Borrow a book, look at one's loans, bring it back; 409 where all copies are out is an answer too."""
        member = random.randint(1, MEMBERS)
        loan = self.write("POST /loans", "/loans", {"book_id": random.randint(1, BOOKS), "member_id": member})
        self.call("lending", "GET /members/{member_id}/loans", f"/members/{member}/loans", headers=self.bearer)
        if loan.status == CREATED:
            self.write("POST /loans/{loan_id}/return", f"/loans/{loan.json()['id']}/return")

    @task(1)
    def keep_the_catalogue(self) -> None:
        """Add a book or a member, or change a book."""
        name = f"{random.getrandbits(48):x}-{next(NUMBERS)}"
        match random.randrange(3):
            case 0:
                self.write("POST /books", "/books", {"title": f"Volume {name}", "author": "Load Test"})
            case 1:
                self.write("POST /members", "/members", {"name": "Load Test", "email": f"{name}@example.org"})
            case _:
                change = {"copies": random.randint(50, 60)}
                self.write("PATCH /books/{book_id}", f"/books/{random.randint(1, BOOKS)}", change)

    def read(self, operation: str, path: str) -> Any:
        """Return what is at `path` of the catalogue; None where it failed or where the reader has it already."""
        known = self.seen.get(path)
        condition = {"If-None-Match": known} if known and random.random() < 1 / 2 else {}
        answer = self.call("catalog", operation, path, headers=condition)
        self.seen[path] = answer.headers.get("ETag", "")
        return answer.json() if answer.ok and answer.status != NOT_MODIFIED else None

    def write(self, operation: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send `body` with the token to the module that `operation` belongs to."""
        module = "catalog" if "/books" in operation else "lending"
        return self.call(module, operation, path, body=body, headers=self.bearer, expected=(CONFLICT,))


VISITORS = [Reader]
