"""What the catalogue leaves for later."""

from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.addresses import addresses_of
from app.kit.jobs import Batch, job
from app.kit.visits import visit

log = structlog.get_logger()

MOST_PAGES = 20
"""How many books' own pages are worth the effort: of a bulk import, few are asked for soon."""


@job(batch=Batch(most=1000, within=timedelta(seconds=5)), priority=-10)
async def warm_pages(session: AsyncSession, book_ids: list[int]) -> None:
    """Bring the first page of the list, and those of books that changed, back into the cache that they left."""
    changed = dict.fromkeys(book_ids)
    paths = await addresses_of(list(changed)[-MOST_PAGES:])
    for path in paths:
        await visit(session, path)
    log.info("pages warmed", changed=len(changed), pages=len(paths))


JOBS = [warm_pages]
