"""The catalogue as static pages."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import pages, service
from app.catalog.covers import OPEN_LIBRARY, open_library
from app.catalog.events import LoanChanged, keep_on_loan
from app.catalog.jobs import ask_for_pages, enrich_book, render_pages
from app.catalog.models import Author, Book
from app.catalog.schemas import BookChange, NewBook
from app.kit.facts import HEARERS, hearers, state
from app.kit.outgoing import SYSTEMS
from app.kit.static_site import SITE, Files, StaticSite, new_site
from tests.conftest import TOKEN, make_settings
from tests.jobsite import Site, leave
from tests.server import run
from tests.standin import standing_in

BOOK = NewBook(title="The Left Hand of Darkness", author="Ursula K. Le Guin", copies=2)
OLD = (0, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder for the pages, which isn't there yet."""
    return tmp_path / "pages"


@pytest.fixture
async def library(database_url: str, folder: Path) -> AsyncIterator[Site]:
    """Yield a database whose sessions know the folder, and hear of loans."""
    static_site = new_site(make_settings(PAGES_DIR=str(folder)))
    library = Site(database_url, {SITE: static_site, HEARERS: hearers([(LoanChanged, keep_on_loan)])})
    yield library
    await library.database.close()


async def work(library: Site) -> list[str]:
    """Do the jobs that wait; return how the runs of `render_pages` ended."""
    runs: list[str] = []

    def note(job: str, outcome: str) -> None:
        if job == render_pages.name:
            runs.append(outcome)

    await library.make_due()  # before the worker looks, so that it finds them all
    async with library.working(render_pages, enrich_book, note=note):
        await library.hurry()
    return runs


async def add_many(session: AsyncSession, ids: range) -> None:
    """Add a book with each of `ids`, and ask for nothing."""
    author = ids[0]
    await session.execute(insert(Author), [{"id": author, "name": f"Author {author}"}])
    book = {"title": "A title", "author_id": author, "copies": 1, "on_loan": 0}
    await session.execute(insert(Book), [{"id": key, **book} for key in ids])


async def render_all_long_ago(library: Site, folder: Path) -> None:
    """Render everything, and let all files be old."""
    await pages.render_all(library.database.read, StaticSite(folder))
    await asyncio.to_thread(let_be_old, folder)


def let_be_old(folder: Path) -> None:
    """Let all files of the folder be old."""
    for path in folder.rglob("*"):
        os.utime(path, ns=OLD)


def new_files(folder: Path) -> set[str]:
    """Return the files that were written since; their compressed siblings go without saying."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime_ns > 0)
    return {path.relative_to(folder).as_posix().removesuffix(".zst").removesuffix(".gz") for path in files}


def files_of(folder: Path) -> set[str]:
    """Return all files that a browser may ask for by name."""
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path for path in files if path != "_headers" and not path.endswith((".gz", ".zst"))}


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and where it leads."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


async def test_a_page_shows_each_write_that_changes_it(library: Site, folder: Path) -> None:
    async def shown() -> str:
        await work(library)
        texts = {Page(folder / path).text for path in (f"books/{book.id}.html", "lists/1.html")}
        return "\n".join(texts)

    book = await library.database.write(service.add_book, BOOK)
    assert (await shown()).count("2 of 2 free") == 2
    await library.database.write(state, LoanChanged(book.id, 1))
    assert (await shown()).count("1 of 2 free") == 2
    await library.database.write(service.change_book, book.id, BookChange(title="Winter's King"))
    assert (await shown()).count("Winter's King") == 3


async def test_a_page_shows_the_cover_that_a_job_found(database_url: str, folder: Path) -> None:
    isbn, cover = "9780441478125", "https://covers.example.org/b/id/1-M.jpg"
    async with standing_in() as standin:
        standin.be_well({f"ISBN:{isbn}": {"cover": {"medium": cover}}})
        known = open_library(make_settings(OPEN_LIBRARY_URL=standin.url))
        assert known is not None
        static_site = new_site(make_settings(PAGES_DIR=str(folder)))
        library = Site(database_url, {SITE: static_site, SYSTEMS: {OPEN_LIBRARY: known}})
        book = await library.database.write(service.add_book, NewBook(title="Found", author="Somebody", isbn=isbn))
        await work(library)
        await known.close()
    assert f'<img src="{cover}"' in (folder / f"books/{book.id}.html").read_text(encoding="utf-8")
    await library.database.close()


async def test_a_thousand_changed_books_are_rendered_in_one_run(library: Site, folder: Path) -> None:
    async def ask_for_all(session: AsyncSession) -> None:
        for key in range(1, 1001):
            await ask_for_pages(session, key)

    await library.database.write(add_many, range(1, 1001))
    await library.database.write(ask_for_all)
    assert len(await library.jobs()) == 1000
    assert await work(library) == ["done"]
    assert len(list((folder / "books").glob("*.html"))) == 1000


async def test_a_changed_book_renders_its_own_page_and_one_list(library: Site, folder: Path) -> None:
    await library.database.write(add_many, range(1, 251))
    await render_all_long_ago(library, folder)
    (folder / "books" / "121.html").unlink()  # which nobody looks after
    await library.database.write(service.change_book, 120, BookChange(title="Changed"))
    await work(library)
    assert new_files(folder) == {"books/120.html", "books/120.json", "lists/2.html"}


async def test_a_change_that_no_page_shows_writes_nothing(library: Site, folder: Path) -> None:
    await library.database.write(add_many, range(1, 11))
    await render_all_long_ago(library, folder)
    await library.database.write(service.change_book, 1, BookChange(title="A title"))
    assert await work(library) == ["done"]
    assert new_files(folder) == set()


@pytest.mark.parametrize(("key", "lists"), [(101, 2), (350, 4)])
async def test_a_new_list_is_linked_from_the_one_before_also_beyond_ids_that_nobody_got(
    library: Site, folder: Path, key: int, lists: int
) -> None:
    await library.database.write(add_many, range(1, 101))
    await render_all_long_ago(library, folder)
    await library.database.write(add_many, range(key, key + 1))
    await library.database.write(service.change_book, key, BookChange(copies=2))
    await work(library)
    numbers = range(1, lists + 1)
    assert new_files(folder) == {
        *(f"lists/{number}.html" for number in numbers),
        *(f"books/{key}.{ending}" for ending in ("html", "json")),
        "index.html",
    }
    assert all(f"{number + 1}.html" in Page(folder / f"lists/{number}.html").links for number in numbers[:-1])


async def test_every_link_leads_to_a_file_and_every_page_is_reached(library: Site, folder: Path) -> None:
    await library.database.write(add_many, range(1, 103))
    await render_all_long_ago(library, folder)
    reached, ahead = set(), {"/index.html", "/404.html"}
    while ahead:
        path = ahead.pop()
        reached.add(path)
        if path.endswith(".html"):
            ahead |= {urljoin(path, link).removesuffix("/") or "/index.html" for link in Page(folder / path[1:]).links}
            ahead -= reached
    assert reached == {f"/{path}" for path in files_of(folder)}


async def test_every_file_is_cached_by_one_rule(library: Site, folder: Path) -> None:
    await library.database.write(add_many, range(1, 3))
    await render_all_long_ago(library, folder)
    rules = (folder / "_headers").read_text(encoding="utf-8").split("\n/")
    cached = ["/" + rule.partition("\n")[0].removeprefix("/") for rule in rules if "Cache-Control" in rule]
    for path in {"/"} | {f"/{path}" for path in files_of(folder) - {"404.html"}}:
        assert len([rule for rule in cached if fnmatch(path, rule)]) == 1, path


async def test_text_stays_text(library: Site, folder: Path) -> None:
    title, author = '<script>alert("1")</script> & {title}', "<img src=x onerror=alert(1)> & 'Sons'"
    book = await library.database.write(service.add_book, NewBook(title=title, author=author))
    await work(library)
    for path in (f"books/{book.id}.html", "lists/1.html"):
        page = Page(folder / path)
        assert title in page.text
        assert author in page.text
        assert {"script", "img"}.isdisjoint(page.tags)


async def test_others_can_write_while_pages_are_written(database_url: str, folder: Path) -> None:
    class Watched(StaticSite):
        async def keep(self, make: Callable[[], Awaitable[Files]]) -> dict[str, bool]:
            async with asyncio.timeout(5):
                await library.database.write(leave, "written beside")
            return await super().keep(make)

    library = Site(database_url, {SITE: Watched(folder)})
    await library.database.write(service.add_book, BOOK)
    assert await work(library) == ["done"]
    assert await library.effects()
    await library.database.close()


async def test_without_a_folder_no_job_is_left(site: Site) -> None:
    await site.database.write(service.add_book, BOOK)
    assert [row.name for row in await site.jobs()] == ["warm_pages"]


async def test_the_command_renders_everything_once_and_removes_what_is_gone(library: Site, folder: Path) -> None:
    def render() -> tuple[int, str, str]:
        return run("render", API_TOKEN=TOKEN, DATABASE_URL=library.url, PAGES_DIR=str(folder))

    await library.database.write(add_many, range(1, 102))
    assert await asyncio.to_thread(render) == (0, f"{folder}: 208 files, 208 written, 0 removed.\n", "")
    gone = folder / "books" / "1000.html"
    gone.write_bytes(b"Once there was a book.")
    assert await asyncio.to_thread(render) == (0, f"{folder}: 208 files, 0 written, 1 removed.\n", "")
    assert not gone.exists()


def test_a_folder_with_other_files_is_one_clear_line(sqlite_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes(b"Dear Ada")
    status, _, errors = run("render", API_TOKEN=TOKEN, DATABASE_URL=sqlite_database_url, PAGES_DIR=str(tmp_path))
    assert (status, errors.count("\n")) == (1, 1)
    assert errors.startswith(f"error: PAGES_DIR names {tmp_path}, where other files are")
