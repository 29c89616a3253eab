"""The worker: looks for jobs that are due, keeps their leases while they run, and ends without losing any."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import Database
from app.kit.jobs import Job
from app.kit.jobs.queue import Gathering, Rules, Taken, next_due, renew, take
from app.kit.jobs.runs import FIRST_RETRY, ChooseStart, Note, Runs, at_once, unnoted
from app.kit.jobs.schedule import schedule
from app.kit.jobs.wakeups import Wakeups

log = structlog.get_logger()

SLOTS = 5
FIRST_PAUSE_SECONDS = 0.05
DRAIN_SECONDS = 10
ALWAYS = 2**31 - 1


class Worker:
    """Runs the jobs of a database, beside any number of other workers."""

    def __init__(  # noqa: PLR0913 - times are named, so that a test can make them short
        self,
        database: Database,
        jobs: Mapping[str, Job],
        wakeups: Wakeups,
        *,
        lease_seconds: float,
        drain_seconds: float = DRAIN_SECONDS,
        first_retry: timedelta = FIRST_RETRY,
        choose_start: ChooseStart = at_once,
        note: Note = unnoted,
        gathers: bool = True,
    ) -> None:
        """Take where the jobs are and what they do by name.

        After `lease_seconds` of silence a worker is taken for dead. Without `gathers`, batched jobs run one by one.
        """
        self._database = database
        self._unscheduled = [job for job in jobs.values() if job.cron is not None]
        self._wakeups = wakeups
        self._lease = timedelta(seconds=lease_seconds)
        self._drain_seconds = drain_seconds
        self._runs = Runs(database.write, jobs, first_retry=first_retry, choose_start=choose_start, note=note)
        batched = {
            job.name: Gathering(job.batch.most, ALWAYS if job.retries is None else max(job.retries, 1))
            for job in jobs.values()
            if job.batch is not None and gathers
        }
        limits = {job.name: job.concurrency for job in jobs.values() if job.concurrency is not None}
        deferrable = {job.name for job in jobs.values() if job.deferrable is not None}
        self._rules = Rules(batched, limits, deferrable)
        self._running: dict[asyncio.Task[None], Taken] = {}
        self._pause = FIRST_PAUSE_SECONDS
        self._stopping = False
        self._well = True

    def stop(self) -> None:
        """Let `run` start nothing more and return."""
        self._stopping = True
        self._wakeups.wake()

    async def run(self) -> None:
        """Run jobs until `stop`; then let those end that run, and give back what takes longer than the drain."""
        helpers = [asyncio.create_task(self._wakeups.listen()), asyncio.create_task(self._keep_leases())]
        try:
            while not self._stopping:
                await self._look()
            await self._drain()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)

    async def _look(self) -> None:
        """Start what is due; where there is nothing to start, sleep until there may be."""
        seconds = self._pause
        try:
            if self._unscheduled:
                await self._database.write(_schedule, self._unscheduled)
                self._unscheduled = []
            now = datetime.now(UTC)
            free = SLOTS - len(self._running)
            due = await next_due(self._database.read, self._rules.batched) if free else None
            if not self._well:
                log.info("the worker reaches its jobs again")
            self._well = True
            if due is not None and due <= now:
                if await self._start(now, free):
                    return
            elif due is not None:
                seconds = min(seconds, (due - now).total_seconds())
        except Exception as error:  # noqa: BLE001 - a database that is down comes back, and its jobs with it
            if self._well:
                log.warning("the worker can't reach its jobs", error=str(error) or type(error).__name__)
            self._well = False
        # Longer each time, also where something is due that must wait for a job of another worker.
        woken = await self._wakeups.wait(seconds)
        self._pause = FIRST_PAUSE_SECONDS if woken else min(self._pause * 2, self._wakeups.idle_seconds)

    async def _start(self, now: datetime, free: int) -> bool:
        runs = await self._database.write(take, now, self._lease, free, self._rules)
        for taken in runs:
            task = asyncio.create_task(self._runs.run(taken))
            self._running[task] = taken
            task.add_done_callback(self._ended)
        if runs:
            self._pause = FIRST_PAUSE_SECONDS
        return bool(runs)

    def _ended(self, task: asyncio.Task[None]) -> None:
        taken = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the worker can't write what became of a job", job=taken.name, error=str(error))
        self._wakeups.wake()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                if self._running:
                    await self._database.write(renew, list(self._running.values()), datetime.now(UTC) + self._lease)
            except Exception as error:  # noqa: BLE001 - there are two more tries before the leases end
                log.warning("the worker can't renew its leases", error=str(error) or type(error).__name__)

    async def _drain(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._drain_seconds)
        for task in late:
            task.cancel()
        if late:
            log.warning("jobs given back", jobs=[self._running[task].name for task in late])
            await asyncio.wait(late)


@asynccontextmanager
async def beside(worker: Worker) -> AsyncGenerator[None]:
    """Run `worker` beside what happens inside, and let it come to its end after that."""
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running


async def _schedule(session: AsyncSession, recurring: Sequence[Job]) -> None:
    for job in recurring:
        await schedule(session, job, datetime.now(UTC))
