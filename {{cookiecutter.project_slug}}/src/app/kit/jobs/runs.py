"""How one run of a job goes: the work and its completion in one transaction; else another try, or the dead letters."""

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import AnyRow, Write
from app.kit.jobs import Deferrable, Job
from app.kit.jobs.queue import LeaseLost, Taken, finish, hurry, let_go
from app.kit.jobs.schedule import schedule
from app.kit.jobs.table import TABLE

log = structlog.get_logger()

ChooseStart: TypeAlias = Callable[[str, timedelta, datetime, datetime], Awaitable[datetime]]
"""Is told a job, how long it takes, when it must have ended, and the time; returns when to start it. All in UTC."""
Note: TypeAlias = Callable[[str, str], None]
"""Is told a job, and how a run of it ended: done, failed or died."""

FIRST_RETRY = timedelta(seconds=2)
MOST_DOUBLINGS = 12
# Of jobs that failed in one moment, not all are tried again in one moment.
JITTER = 0.5
ERROR_LENGTH = 8_000


async def at_once(_job: str, _duration: timedelta, _finish_by: datetime, now: datetime) -> datetime:
    """Choose not to wait."""
    return now


def unnoted(_job: str, _outcome: str) -> None:
    """Let a run go unnoted."""


class Runs:
    """Runs what a worker has taken."""

    def __init__(
        self, write: Write, jobs: Mapping[str, Job], *, first_retry: timedelta, choose_start: ChooseStart, note: Note
    ) -> None:
        """Take what the jobs do by name, how long one waits that failed, and when deferrable ones start.

        Each further wait is twice as long, up to the job's longest. `note` is told of every run.
        """
        self._write = write
        self._jobs = jobs
        self._first_retry = first_retry
        self._choose_start = choose_start
        self._note = note

    async def run(self, taken: Taken) -> None:
        """Run `taken`, and write what became of it; a cancellation gives it back as if it had not been started."""
        job = self._jobs.get(taken.name)
        if job is None:
            await self._bury(taken, f"There is no job named {taken.name}: it was written by other code than this.")
            return
        started = time.monotonic()
        try:
            if job.deferrable is not None and all(row.start_by is None for row in taken.rows):
                await self._plan(taken, job.name, job.deferrable)
                return
            taken, payloads = await self._read(taken, job)
            if not payloads:
                return
            await self._work(taken, job, payloads)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                await self._write(let_go, taken, due_at=datetime.now(UTC), attempts=TABLE.c.attempts - 1)
            else:  # not the worker gave up, but something that the job waited for
                await self._fail(taken, job, error)
        except LeaseLost as lost:
            log.warning("job undone", job=job.name, ids=_ids(taken.rows), error=str(lost))
        except Exception as error:  # noqa: BLE001 - whatever a job raises is written down with it
            await self._fail(taken, job, error)
        else:
            took = round((time.monotonic() - started) * 1000, 1)
            self._note(job.name, "done")
            log.info("job", job=job.name, items=len(taken.rows), attempt=taken.rows[0].attempts, ms=took)

    async def _plan(self, taken: Taken, name: str, deferrable: Deferrable) -> None:
        now = datetime.now(UTC)
        # By when it could have started: while no worker ran the deadline came nearer, and may have passed.
        deadline = deferrable.deadline(taken.since)
        latest = deadline - deferrable.duration
        start = min(await self._choose_start(name, deferrable.duration, deadline, now), latest)
        await self._write(let_go, taken, due_at=start, start_by=latest, attempts=TABLE.c.attempts - 1)

    async def _read(self, taken: Taken, job: Job) -> tuple[Taken, list[msgspec.Struct]]:
        """Return what can be run of `taken`, and its payloads; the rest goes to the dead letters."""
        sound: list[AnyRow] = []
        payloads: list[msgspec.Struct] = []
        for row in taken.rows:
            only = msgspec.structs.replace(taken, rows=[row])
            if job.retries is not None and row.attempts > job.retries + 1:
                await self._bury(only, f"Its worker died {row.attempts - 1} times while it ran.", job)
                continue
            try:
                payloads.append(job.decode(row.payload))
            except msgspec.DecodeError as error:
                await self._bury(only, f"Its payload can't be read: {error}", job)
            else:
                sound.append(row)
        return msgspec.structs.replace(taken, rows=sound), payloads

    async def _work(self, taken: Taken, job: Job, payloads: Sequence[msgspec.Struct]) -> None:
        seconds = job.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._write(_work, job, payloads, taken)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(f"{job.name} took longer than {seconds:g} s.") from None

    async def _fail(self, taken: Taken, job: Job, error: BaseException) -> None:
        attempt = taken.rows[0].attempts
        if job.retries is not None and attempt > job.retries:
            await self._bury(taken, _described(error), job)
            return
        wait = min(self._first_retry * 2 ** min(attempt - 1, MOST_DOUBLINGS), job.longest_retry)
        now = datetime.now(UTC)
        due_at = now + wait * (1 - JITTER * random.random())  # noqa: S311 - spreads, hides nothing
        if (start_by := taken.rows[0].start_by) is not None and now < start_by:
            due_at = min(due_at, start_by)
        await self._write(let_go, taken, due_at=due_at, error=_described(error))
        self._note(job.name, "failed")
        log.warning("job failed", job=job.name, ids=_ids(taken.rows), attempt=attempt, error=repr(error))

    async def _bury(self, taken: Taken, error: str, job: Job | None = None) -> None:
        await self._write(_bury, taken, error, job)
        self._note(taken.name, "died")
        log.error("job died", job=taken.name, ids=_ids(taken.rows), error=error)


async def _work(session: AsyncSession, job: Job, payloads: Sequence[msgspec.Struct], taken: Taken) -> None:
    await job.run(session, payloads)
    await finish(session, taken)
    if job.retries is None:
        await hurry(session, job.name)
    if job.cron:
        await schedule(session, job, datetime.now(UTC))


async def _bury(session: AsyncSession, taken: Taken, error: str, job: Job | None) -> None:
    await let_go(session, taken, died_at=datetime.now(UTC), error=error)
    if job is not None and job.cron:
        await schedule(session, job, datetime.now(UTC))


def _described(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))[-ERROR_LENGTH:]
    return text.replace("\0", "")  # which PostgreSQL stores not


def _ids(rows: Sequence[AnyRow]) -> list[int]:
    return [row.id for row in rows]
