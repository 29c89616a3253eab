"""What the catalogue leaves for later."""

from datetime import timedelta

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import pages
from app.catalog.addresses import addresses_of
from app.catalog.covers import OPEN_LIBRARY, cover_of
from app.catalog.models import Book
from app.kit.database import reads
from app.kit.jobs import Batch, enqueue, job
from app.kit.outgoing import system
from app.kit.static_site import static_site
from app.kit.visits import visit

log = structlog.get_logger()

MOST_PAGES = 20
"""How many books' own pages are worth the effort: of a bulk import, few are asked for soon."""


@job(retries=12)  # within some six hours
async def enrich_book(session: AsyncSession, book_id: int, isbn: str) -> None:
    """Look up the cover of a book, unless it has got another ISBN since; raise CallFailed, to be run again later."""
    library = system(session, OPEN_LIBRARY)
    if library is None:  # its address was there when this was asked for, and is no longer
        return
    cover_url = await cover_of(library, isbn)
    await session.execute(update(Book).where(Book.id == book_id, Book.isbn == isbn).values(cover_url=cover_url))
    if cover_url is not None:
        await ask_for_pages(session, book_id)


async def ask_for_cover(session: AsyncSession, book_id: int, isbn: str | None) -> None:
    """Leave it to a job to look up the cover of a book, where it has an ISBN and somebody knows covers."""
    if isbn is not None and system(session, OPEN_LIBRARY) is not None:
        await enqueue(session, enrich_book, book_id, isbn, unique=f"{book_id} {isbn}")


@job(batch=Batch(most=1000, within=timedelta(seconds=5)), priority=-10)
async def warm_pages(session: AsyncSession, book_ids: list[int]) -> None:
    """Bring the first page of the list, and those of books that changed, back into the cache that they left."""
    changed = dict.fromkeys(book_ids)
    paths = await addresses_of(list(changed)[-MOST_PAGES:])
    for path in paths:
        await visit(session, path)
    log.info("pages warmed", changed=len(changed), pages=len(paths))


@job(batch=Batch(most=1000, within=timedelta(seconds=5)), priority=-10, timeout=timedelta(minutes=5))
async def render_pages(session: AsyncSession, book_ids: list[int]) -> None:
    """Render the static pages of books that changed, all of it before the session has a transaction."""
    site = static_site(session)
    if site is None:  # there was one when this was asked for
        return
    rendered = await pages.render(reads(session), site, book_ids)
    log.info("pages rendered", changed=len(set(book_ids)), files=rendered.files, written=rendered.written)


async def ask_for_pages(session: AsyncSession, book_id: int) -> None:
    """Leave it to a job to render the static pages of a book, where there is a site."""
    if static_site(session) is not None:
        await enqueue(session, render_pages, book_id)


JOBS = [enrich_book, warm_pages, render_pages]
