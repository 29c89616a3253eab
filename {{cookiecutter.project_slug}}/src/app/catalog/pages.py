"""What is pre-rendered of the catalogue: a page and the API's JSON of each book, lists of them, and an index.

A list holds the books of a hundred ids that follow each other, however many of them there are: so a book that changes
is on its own page and on one list, and a new one moves no other.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial

import msgspec

from app.catalog import markup, queries
from app.catalog.markup import IDS
from app.kit.database import Read
from app.kit.static_site import Files, Rendered, StaticSite, headers

FOLDERS = ("books", "lists")
POLICY = "default-src 'none'; style-src 'self'; img-src http: https:; base-uri 'none'; form-action 'none'"
FRAME: Files = {
    "_headers": headers("/", "/index.html", *(f"/{folder}/*" for folder in FOLDERS), policy=POLICY),
    markup.STYLESHEET: markup.STYLE,
    "404.html": markup.not_found(),
}
"""What no book changes. An old stylesheet is never removed: pages that lie in a cache somewhere still ask for it."""


async def render(read: Read, site: StaticSite, book_ids: Collection[int]) -> Rendered:
    """Render the pages of these books, the lists that show them, and lists that are new; raise SettingsError."""
    numbers = {_number(book_id) for book_id in book_ids}
    # A new list wants a link from the one before; and where nobody got some ids there may be several.
    for number in range(_number(await queries.last_id(read)), 0, -1):
        if await site.has(_list_path(number)):
            break
        numbers |= {number, max(number - 1, 1)}
    return _rendered(await _render(read, site, sorted(numbers, reverse=True), set(book_ids)))


async def render_all(read: Read, site: StaticSite) -> Rendered:
    """Render everything, and remove the pages of what is no longer there; raise SettingsError."""
    before = await site.paths(*FOLDERS)  # first, so that no page goes that somebody else writes meanwhile
    last = _number(await queries.last_id(read))
    done = await _render(read, site, range(last, 0, -1))
    gone = before - done.keys()
    await site.remove(gone)
    return _rendered(done, len(gone))


async def _render(
    read: Read, site: StaticSite, numbers: Iterable[int], only: Collection[int] | None = None
) -> dict[str, bool]:
    """Render the lists with these `numbers` and their books, or `only` some of these, and what all of them need."""
    done = await site.keep(_frame)
    for number in numbers:
        done |= await site.keep(partial(_list_and_books, read, number, only))
    return done | await site.keep(partial(_index, read))


async def _frame() -> Files:
    return FRAME


async def _list_and_books(read: Read, number: int, only: Collection[int] | None) -> Files:
    """Return a list, after the pages it leads to."""
    last = number * IDS
    found = (await queries.book_page(read, after=last - IDS, limit=IDS + 1)).items
    books = [book for book in found if book.id <= last]
    files: dict[str, bytes] = {}
    for book in books:
        if only is None or book.id in only:
            files[f"books/{book.id}.html"] = markup.book(book, number)
            files[f"books/{book.id}.json"] = msgspec.json.encode(book)
    return files | {_list_path(number): markup.book_list(books, number, has_next=len(found) > len(books))}


async def _index(read: Read) -> Files:
    return {"index.html": markup.index(_number(await queries.last_id(read)))}


def _rendered(done: Mapping[str, bool], removed: int = 0) -> Rendered:
    return Rendered(len(done), sum(done.values()), removed)


def _number(book_id: int) -> int:
    """Return the number of the list with that book; 0 for 0, which no book has."""
    return -(-book_id // IDS)


def _list_path(number: int) -> str:
    return f"lists/{number}.html"
