"""Pages that come back into the cache by themselves."""

from httpx import AsyncClient
from litestar.types import Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import service
from app.catalog.jobs import warm_pages
from app.catalog.schemas import BookChange, NewBook
from app.kit.app import build_app
from app.kit.visits import VISITS, Visits
from tests.conftest import client_of, make_settings
from tests.door import BOOKS, adding_book, book_at, changing_book, said
from tests.jobsite import Site
from tests.modules import MODULES

BOOK = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin"}


async def test_a_change_is_answered_before_its_pages_are_warm_and_then_they_are(site: Site) -> None:
    async def is_cached(client: AsyncClient, path: str) -> bool:
        answer = await client.get(path, headers={"Accept-Encoding": "zstd"})
        return "hit" in answer.headers["cache-status"]

    settings = make_settings(DATABASE_URL=site.url, WORKER_INSIDE="true")
    async with client_of(build_app(settings, MODULES, title="Tests")) as client:
        book = said(await client.request(**adding_book(**BOOK)))
        changed = await client.request(**changing_book(book["id"], copies=5))
        assert said(changed)["copies"] == 5
        assert [row.name for row in await site.jobs()] == ["warm_pages", "warm_pages"]
        await site.hurry()
        assert await is_cached(client, BOOKS)
        assert await is_cached(client, book_at(book["id"]))


async def test_a_thousand_changed_books_are_one_run(site: Site) -> None:
    async def change_all(session: AsyncSession) -> None:
        for number in range(500):
            book = await service.add_book(session, NewBook(title=f"Volume {number}", author="Somebody"))
            await service.change_book(session, book.id, BookChange(copies=2))

    visited: list[str] = []

    async def note(scope: Scope, _receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode()
        visited.append(f"{scope['path']}?{query}" if query else scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    visits = Visits()
    visits.handler = note
    site = Site(site.url, {VISITS: visits})
    await site.database.write(change_all)
    assert len(await site.jobs()) == 1000
    await site.make_due()
    async with site.working(warm_pages):
        pass
    assert visited.count(BOOKS) == 1
    assert len(visited) == 21
    await site.database.close()
