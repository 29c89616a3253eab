"""A database with workers on it, for tests of what jobs promise."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import logs
from app.kit.database import Database
from app.kit.jobs import AT_ONCE, Job, by_name, enqueue
from app.kit.jobs.inbox import WAKE, tell_workers
from app.kit.jobs.wakeups import Wakeups
from app.kit.jobs.worker import Worker, beside
from tests.conftest import make_settings
from tests.polling import until

EFFECT = text("INSERT INTO catalog_author (name) VALUES (:name)")
EFFECTS = text("SELECT name FROM catalog_author ORDER BY id")
JOBS = "SELECT name, attempts, error, died_at, due_at, start_by FROM kit_job "
# Those that wait for the hour of their schedule are always there.
ASKED_FOR = text(f"{JOBS} WHERE coalesce(unique_key, '') NOT LIKE '% by its schedule' ORDER BY id")
SCHEDULED = text(f"{JOBS} WHERE unique_key LIKE '% by its schedule' ORDER BY id")
HURRY = text(
    "UPDATE kit_job SET due_at = enqueued_at "
    "WHERE lease IS NULL AND due_at > enqueued_at AND coalesce(unique_key, '') NOT LIKE '% by its schedule'"
)
AT_ONCE_AGAIN = timedelta(milliseconds=1)


async def leave(session: AsyncSession, what: object) -> None:
    """Leave an effect in the database; the same twice is two effects."""
    await session.execute(EFFECT, {"name": f"{what}/{uuid4().hex}"})


class Site:
    """A database, and what it holds."""

    def __init__(self, url: str, context: Mapping[Any, Any] | None = None) -> None:
        logs.configure("error")  # to where this test writes, and not the one before
        off = make_settings().practices_off
        self.url = url
        self.gathers = "batch" not in off
        self.wakeups = Wakeups(url)
        self.database = Database(url, {WAKE: self.wakeups.wake, AT_ONCE: "jobs" in off} | dict(context or {}))

    async def enqueue(self, wanted: Job, *arguments: object, **how: Any) -> None:
        """Enqueue a job in a transaction of its own."""
        await self.database.write(enqueue, wanted, *arguments, **how)

    async def effects(self) -> list[str]:
        """Return what was left in the database, in that order."""
        return [row.name.partition("/")[0] for row in await self.database.read.all(EFFECTS)]

    async def jobs(self) -> list[Any]:
        """Return the rows of the jobs that were asked for."""
        return list(await self.database.read.all(ASKED_FOR))

    async def scheduled(self) -> list[Any]:
        """Return the rows of the jobs that wait for the hour of their schedule."""
        return list(await self.database.read.all(SCHEDULED))

    async def idle(self) -> bool:
        """Return whether all jobs are done or dead."""
        return all(row.died_at for row in await self.jobs())

    async def make_due(self) -> None:
        """Let no job that was asked for wait for its time."""
        await self.database.write(_hurry)

    async def hurry(self) -> None:
        """Let no job that was asked for wait for its time, until all are done or dead."""

        async def hurried() -> bool:
            await self.make_due()
            self.wakeups.wake()
            return await self.idle()

        await until(hurried)

    def worker(self, *jobs: Job, lease_seconds: float = 30, **how: Any) -> Worker:
        """Return a worker that knows `jobs`."""
        how = {"first_retry": AT_ONCE_AGAIN, "gathers": self.gathers} | how
        return Worker(self.database, by_name(jobs), self.wakeups, lease_seconds=lease_seconds, **how)

    @asynccontextmanager
    async def working(self, *jobs: Job, **how: Any) -> AsyncGenerator[None]:
        """Run a worker that ends once nothing is left to do."""
        async with beside(self.worker(*jobs, **how)):
            yield
            await until(self.idle)


async def _hurry(session: AsyncSession) -> None:
    await session.execute(HURRY)
    await tell_workers(session)
