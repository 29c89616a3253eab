"""What visitors do over GraphQL: browse, search, read, borrow, return; now and then a book is added or changed.

Queries are persisted ones, asked for by GET, so that they can be cached; mutations are sent by POST.
"""

import itertools
import json
import random
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from locust import between, task

from loadtest.instance import PROJECT
from loadtest.visitor import NOTHING, Visitor

BOOKS = 400
MEMBERS = 50
WORDS = ("amber", "bridge", "forest", "garden", "harbour", "quiet", "winter", "witness")
NOT_MODIFIED = 304
NUMBERS = itertools.count(1)
FOLDERS = (PROJECT / "src" / "app", *(PROJECT / "services").glob("*/src/app"))
DOCUMENTS = {
    path.stem: path.read_text(encoding="utf-8") for folder in FOLDERS for path in folder.glob("*/operations/*.graphql")
}
"""The operations that the server knows, by the names of their files."""
DOOR = "/graphql"


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
            page = self.read("books", first=20, after=after)
            if page is None or not page["books"]["pageInfo"]["hasNextPage"]:
                return
            after = page["books"]["pageInfo"]["endCursor"]

    @task(3)
    def search(self) -> None:
        """Look for a word and read the first book found."""
        page = self.read("books", search=random.choice(WORDS)) or {"books": {"nodes": []}}
        for book in page["books"]["nodes"][:1]:
            self.read("book", id=book["id"])

    @task(8)
    def look_at_a_book(self) -> None:
        """Read one book: a few are asked for often, and most of them seldom."""
        self.read("book", id=str(int(BOOKS ** random.random())))

    @task(1)
    def borrow_and_return(self) -> None:
        """Borrow a book, look at one's loans, bring it back; that all copies are out is an answer too."""
        member = str(random.randint(1, MEMBERS))
        lent = self.write("lending", "borrow", bookId=str(random.randint(1, BOOKS)), memberId=member)
        self.read("member_loans", "lending", self.bearer, id=member)
        if lent and "loan" in lent["borrow"]:
            self.write("lending", "give_back", loanId=lent["borrow"]["loan"]["id"])

    @task(1)
    def keep_the_catalogue(self) -> None:
        """Add a book or a member, or change a book."""
        name = f"{random.getrandbits(48):x}-{next(NUMBERS)}"
        match random.randrange(3):
            case 0:
                self.write("catalog", "add_book", book={"title": f"Volume {name}", "author": "Load Test"})
            case 1:
                self.write("lending", "add_member", member={"name": "Load Test", "email": f"{name}@example.org"})
            case _:
                change = {"copies": random.randint(50, 60)}
                self.write("catalog", "change_book", id=str(random.randint(1, BOOKS)), change=change)

    def read(
        self, document: str, module: str = "catalog", headers: Mapping[str, str] = NOTHING, **variables: object
    ) -> Any:
        """Return the data of a persisted query; None where it failed or where the reader has it already."""
        text = DOCUMENTS[document]
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
        given = {name: value for name, value in variables.items() if value is not None}
        path = f"{DOOR}?{urlencode({'variables': json.dumps(given), 'extensions': json.dumps(extensions)})}"
        known = self.seen.get(path) if random.random() < 1 / 2 else None
        condition = {"If-None-Match": known} if known else {}
        answer = self.call(module, _name(document), path, headers={**headers, **condition})
        self.seen[path] = answer.headers.get("ETag", "")
        return answer.json().get("data") if answer.ok and answer.status != NOT_MODIFIED else None

    def write(self, module: str, document: str, **variables: object) -> Any:
        """Return the data of a mutation; None where it failed."""
        body = {"query": DOCUMENTS[document], "variables": variables}
        answer = self.call(module, _name(document), DOOR, body=body, headers=self.bearer)
        return answer.json().get("data") if answer.ok else None

    def fault(self, content: bytes) -> str:
        """Return the first error of an answer, which has the status 200 all the same."""
        errors = json.loads(content).get("errors") if content else None
        return errors[0]["message"] if errors else ""


def _name(document: str) -> str:
    """Return the name of the operation in a file, as budgets.toml has it: `give_back` holds `GiveBack`."""
    return "".join(part.title() for part in document.split("_"))


VISITORS = [Reader]
