"""What jobs promise, the same on both databases."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Executable, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from app.kit import logs
from app.kit.database import Read
from app.kit.jobs import NOW, Batch, Deferrable, Job, by_name, enqueue, job
from app.kit.jobs import commands as job_commands
from app.kit.jobs.inbox import NewJob, put
from app.kit.jobs.table import TABLE
from app.kit.jobs.wakeups import Wakeups
from app.kit.jobs.worker import beside
from tests.jobsite import Site, leave
from tests.polling import until


@job()
async def note(session: AsyncSession, what: int) -> None:
    await leave(session, what)


@job(retries=2)
async def fail(session: AsyncSession, what: int) -> None:
    await leave(session, what)
    raise LookupError(f"never {what}")


async def test_a_job_runs_after_the_commit_and_a_rollback_leaves_none(site: Site) -> None:
    async def change_mind(session: AsyncSession) -> None:
        await enqueue(session, note, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await site.database.write(change_mind)
    assert await site.jobs() == []
    await site.enqueue(note, 2)
    assert await site.effects() == []
    async with site.working(note):
        pass
    assert await site.effects() == ["2"]


async def test_a_job_that_fails_leaves_no_effect_and_after_its_retries_a_dead_letter(site: Site) -> None:
    await site.enqueue(fail, 7)
    async with site.working(fail):
        pass
    assert await site.effects() == []
    (dead,) = await site.jobs()
    assert dead.attempts == 3
    assert "LookupError: never 7" in dead.error


async def test_the_wait_before_a_retry_doubles_and_is_spread(site: Site) -> None:
    waits: list[float] = []

    @job(retries=6)
    async def flaky(_session: AsyncSession) -> None:
        raise LookupError

    for _ in range(10):
        await site.enqueue(flaky)
    async with beside(site.worker(flaky, first_retry=timedelta(minutes=4))):

        async def all_failed() -> bool:
            return all(row.attempts == 1 and row.error for row in await site.jobs())

        await until(all_failed)
    now = datetime.now(UTC)
    for row in await site.jobs():
        due_at = row.due_at if isinstance(row.due_at, datetime) else datetime.fromisoformat(row.due_at)
        waits.append((due_at.replace(tzinfo=UTC) - now).total_seconds())
    assert all(0 < wait <= 240 for wait in waits)
    assert len({round(wait) for wait in waits}) > 1


async def test_dead_letters_are_listed_and_one_or_all_of_them_run_again(site: Site) -> None:
    broken = True

    @job(retries=0)
    async def repair(session: AsyncSession, what: int) -> None:
        if broken:
            raise LookupError(f"no {what}")
        await leave(session, what)

    for what in (1, 2, 3):
        await site.enqueue(repair, what)
    async with site.working(repair):
        pass
    listed = await job_commands.act(site.database, "list", "all")
    assert [line.split()[1:3] for line in listed.splitlines()[1:]] == [["repair", "dead"]] * 3
    assert "LookupError: no 2" in listed
    first = listed.splitlines()[1].split()[0]
    broken = False
    assert await job_commands.act(site.database, "retry", first) == "1 jobs wait again."
    async with site.working(repair):
        pass
    assert len(await site.effects()) == 1
    assert await job_commands.act(site.database, "delete", str(int(first) + 1)) == "1 jobs deleted."
    assert await job_commands.act(site.database, "retry", "all") == "1 jobs wait again."
    async with site.working(repair):
        pass
    assert len(await site.effects()) == 2
    assert await job_commands.act(site.database, "list", "all") == "There are no jobs."


async def test_unknown_names_and_broken_payloads_die_with_a_reason_and_stop_nothing(site: Site) -> None:
    now = datetime.now(UTC)
    for name, payload in (("nobody", "{}"), ("note", '{"what": "x"}'), ("note", "{"), ("note", "{}")):
        await site.database.write(put, NewJob(name=name, payload=payload, rank=-9, due_at=now))
    await site.enqueue(note, 5)
    async with site.working(note):
        pass
    assert await site.effects() == ["5"]
    reasons = [row.error for row in await site.jobs()]
    assert reasons[0].startswith("There is no job named nobody")
    assert all(reason.startswith("Its payload can't be read: ") for reason in reasons[1:])
    assert len(reasons) == 4


async def test_arguments_that_a_job_does_not_take_are_the_caller_s_error(site: Site) -> None:
    for arguments in ((), ("seven",), (1, 2)):
        with pytest.raises(TypeError):
            await site.enqueue(note, *arguments)
    assert await site.jobs() == []


async def test_a_payload_keeps_its_types_and_its_defaults(site: Site) -> None:
    class Order(msgspec.Struct):
        on: datetime
        items: list[int]

    seen: list[object] = []

    @job()
    async def ship(_session: AsyncSession, order: Order, fast: bool = True) -> None:
        seen.extend((order, fast))

    order = Order(datetime(2026, 1, 1, tzinfo=UTC), [1, 2])
    await site.enqueue(ship, order)
    async with site.working(ship):
        pass
    assert seen == [order, True]


async def test_the_highest_priority_starts_first(site: Site) -> None:
    order: list[int] = []

    @job(concurrency=1)
    async def follow(_session: AsyncSession, what: int) -> None:
        order.append(what)

    for what, priority in ((1, -5), (2, 0), (3, 5), (4, 0)):
        await site.enqueue(follow, what, priority=priority)
    async with site.working(follow):
        pass
    assert order == [3, 2, 4, 1]


async def test_a_delayed_job_waits(site: Site) -> None:
    await site.enqueue(note, 1, delay=timedelta(hours=1))
    await site.enqueue(note, 2, delay=timedelta(seconds=0.2))
    async with beside(site.worker(note)):
        await until(site.effects)
    assert await site.effects() == ["2"]
    assert len(await site.jobs()) == 1


async def test_of_jobs_with_one_key_only_one_waits_and_one_that_started_makes_room(site: Site) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    @job()
    async def gather(session: AsyncSession, what: int) -> None:
        started.set()
        await go_on.wait()
        await leave(session, what)

    for what in (1, 2):
        await site.enqueue(gather, what, unique="books")
    await site.enqueue(gather, 3, unique="members")
    assert len(await site.jobs()) == 2
    async with site.working(gather):
        await started.wait()
        await site.enqueue(gather, 4, unique="books")
        go_on.set()
    assert sorted(await site.effects()) == ["1", "3", "4"]


async def test_no_more_of_a_job_run_at_once_than_it_allows_in_all_workers(site: Site) -> None:
    running, most = 0, 0

    @job(concurrency=2)
    async def count(session: AsyncSession, what: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await leave(session, what)

    for what in range(12):
        await site.enqueue(count, what)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(site.working(count))
    assert len(await site.effects()) == 12
    assert most == 2


async def test_two_workers_share_the_jobs_and_do_none_twice(site: Site) -> None:
    async def many(session: AsyncSession) -> None:
        for what in range(100):
            await enqueue(session, note, what)

    await site.database.write(many)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(site.working(note))
    assert sorted(map(int, await site.effects())) == list(range(100))


async def test_a_long_job_keeps_its_lease(site: Site) -> None:
    runs = 0
    done = asyncio.Event()

    @job()
    async def dawdle(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await done.wait()
        await leave(session, "done")

    await site.enqueue(dawdle)
    lease_ends = set[str]()

    async def renewed_three_times() -> bool:
        lease_ends.update(str(row.due_at) for row in await site.jobs())
        return len(lease_ends) > 4

    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(site.working(dawdle, lease_seconds=0.6))
        await until(renewed_three_times)
        done.set()
    assert runs == 1


async def test_what_a_worker_did_after_its_lease_was_lost_does_not_stand(site: Site) -> None:
    runs = 0
    first_may_end = asyncio.Event()

    @job()
    async def stall(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await first_may_end.wait()
        await leave(session, f"run {runs}")

    await site.enqueue(stall)
    async with beside(site.worker(stall)):

        async def stalled() -> bool:
            return runs == 1

        await until(stalled)
        await site.database.write(_end_all_leases)
        site.wakeups.wake()
        await until(site.effects)
        first_may_end.set()
    assert await site.effects() == ["run 2"]


async def _end_all_leases(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_job SET due_at = enqueued_at"))


async def test_a_job_that_takes_too_long_is_cut_off_and_says_so(site: Site) -> None:
    @job(timeout=timedelta(milliseconds=20), retries=0)
    async def hang(session: AsyncSession) -> None:
        await leave(session, "half")
        await asyncio.Event().wait()

    await site.enqueue(hang)
    async with site.working(hang):
        pass
    assert await site.effects() == []
    assert "hang took longer than 0.02 s" in (await site.jobs())[0].error


async def test_a_worker_that_stops_ends_what_it_can_and_gives_back_the_rest(site: Site) -> None:
    started, stopping = set[str](), asyncio.Event()

    @job()
    async def short(session: AsyncSession) -> None:
        started.add("short")
        await stopping.wait()
        await leave(session, "short")

    @job()
    async def endless(session: AsyncSession) -> None:
        started.add("endless")
        await asyncio.Event().wait()
        await leave(session, "endless")

    async def both_started() -> bool:
        return len(started) == 2

    await site.enqueue(short)
    await site.enqueue(endless)
    worker = site.worker(short, endless, note, drain_seconds=0.5)
    running = asyncio.create_task(worker.run())
    await until(both_started)
    worker.stop()
    await site.enqueue(note, 1)
    stopping.set()
    await running
    assert await site.effects() == ["short"]
    assert [(left.name, left.attempts) for left in await site.jobs()] == [("endless", 0), ("note", 0)]
    assert "running" not in await job_commands.act(site.database, "list", "all")


async def test_a_job_with_a_schedule_runs_at_its_times_and_is_there_once(site: Site) -> None:
    @job(cron="* * * * *")
    async def tick(session: AsyncSession) -> None:
        await leave(session, "tick")

    for _ in range(2):
        async with beside(site.worker(tick)):
            await until(site.scheduled)
    (waiting,) = await site.scheduled()
    assert str(waiting.due_at)[17:19] == "00"
    await site.database.write(_end_all_leases)
    async with beside(site.worker(tick)):
        await until(site.effects)
    assert await site.effects() == ["tick"]
    assert len(await site.scheduled()) == 1


async def test_a_job_that_died_is_asked_for_again_by_its_schedule(site: Site) -> None:
    @job(cron="* * * * *", retries=0)
    async def tick(_session: AsyncSession) -> None:
        raise LookupError

    async def died() -> bool:
        return any(row.died_at for row in await site.jobs())

    async with beside(site.worker(tick)):
        await until(site.scheduled)
        await site.database.write(_end_all_leases)
        site.wakeups.wake()
        await until(died)
    assert len(await site.scheduled()) == 1


def test_a_schedule_that_is_none_is_found_at_the_start() -> None:
    async def tick(_session: AsyncSession) -> None: ...

    async def add(_session: AsyncSession, _what: int) -> None: ...

    with pytest.raises(ValueError, match="a schedule that is none"):
        job(cron="61 * * * *")(tick)
    with pytest.raises(TypeError, match="nobody is there to give it arguments"):
        job(cron="1 * * * *")(add)
    with pytest.raises(TypeError, match="takes the session and one list"):
        job(batch=Batch(most=2, within=timedelta(0)))(add)
    with pytest.raises(ValueError, match="Two jobs have the name note"):
        by_name([note, note])


async def test_a_deferrable_job_starts_when_it_is_told_and_never_too_late(site: Site) -> None:
    asked: list[tuple[timedelta, datetime]] = []

    @job(deferrable=Deferrable(duration=timedelta(hours=1), finish_by=time(6)))
    async def report(session: AsyncSession) -> None:
        await leave(session, "report")

    async def tomorrow(_name: str, duration: timedelta, finish_by: datetime, now: datetime) -> datetime:
        asked.append((duration, finish_by))
        assert now + duration <= finish_by
        return finish_by + timedelta(days=1)

    async def planned() -> bool:
        return len(asked) == 1 and (await site.jobs())[0].attempts == 0

    await site.enqueue(report)
    async with beside(site.worker(report, choose_start=tomorrow)):
        await until(planned)
    ((duration, finish_by),) = asked
    assert duration == timedelta(hours=1)
    assert (finish_by.hour, finish_by.tzinfo) == (6, UTC)
    (waiting,) = await site.jobs()
    assert str(waiting.due_at)[:19] == str(finish_by - duration)[:19]
    await site.database.write(_end_all_leases)
    async with site.working(report, choose_start=tomorrow):
        pass
    assert await site.effects() == ["report"]
    assert len(asked) == 1


class Impatient(Wakeups):
    """Wakes a worker as soon as it sleeps, and notes for how long it would have slept."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> bool:
        """Return at once."""
        self.waits.append(seconds)
        await asyncio.sleep(0)
        return False


async def test_a_worker_looks_less_and_less_often_for_what_must_wait_for_another_job(database_url: str) -> None:
    site = Site(database_url)
    site.wakeups = wakeups = Impatient(database_url)

    @job()
    async def deliver(_session: AsyncSession) -> None: ...

    await site.enqueue(deliver, delay=timedelta(hours=1), subject="book 1")
    await site.enqueue(deliver, subject="book 1")

    async def looked_often() -> bool:
        return len(wakeups.waits) > 12

    async with beside(site.worker(deliver)):
        await until(looked_often)
    await site.database.close()
    assert wakeups.waits[12] == wakeups.idle_seconds


async def test_a_deadline_that_passed_while_no_worker_ran_is_not_moved_to_the_next_day(site: Site) -> None:
    asked: list[datetime] = []
    finish_by = (datetime.now(UTC) - timedelta(hours=1)).time()

    @job(deferrable=Deferrable(duration=timedelta(minutes=10), finish_by=finish_by))
    async def report(session: AsyncSession) -> None:
        await leave(session, "report")

    async def late(_name: str, _duration: timedelta, finish_by: datetime, now: datetime) -> datetime:
        asked.append(finish_by)
        return now + timedelta(hours=12)

    await site.enqueue(report, delay=timedelta(hours=-3))
    async with site.working(report, choose_start=late):
        pass
    assert await site.effects() == ["report"]
    assert asked[0] < datetime.now(UTC)


async def test_a_deferrable_job_that_fails_after_its_latest_start_waits_before_it_is_tried_again(site: Site) -> None:
    @job(deferrable=Deferrable(duration=timedelta(minutes=10), finish_by=time(6)))
    async def report(_session: AsyncSession) -> None:
        raise LookupError

    async def failed() -> bool:
        (waiting,) = await site.jobs()
        return bool(waiting.error)

    await site.enqueue(report)
    await site.database.write(_let_the_latest_start_pass)
    async with beside(site.worker(report, first_retry=timedelta(hours=1))):
        await until(failed)
    (waiting,) = await site.jobs()
    assert datetime.fromisoformat(str(waiting.due_at)).replace(tzinfo=UTC) > datetime.now(UTC) + timedelta(minutes=20)


async def test_a_deferrable_job_that_fails_before_its_latest_start_is_tried_again_by_then(site: Site) -> None:
    latest = datetime.now(UTC) + timedelta(minutes=10)

    @job(deferrable=Deferrable(duration=timedelta(minutes=10), finish_by=time(6)))
    async def report(_session: AsyncSession) -> None:
        raise LookupError

    async def let_it_be_planned(session: AsyncSession) -> None:
        await session.execute(update(TABLE).values(start_by=latest))

    async def failed() -> bool:
        (waiting,) = await site.jobs()
        return bool(waiting.error)

    await site.enqueue(report)
    await site.database.write(let_it_be_planned)
    async with beside(site.worker(report, first_retry=timedelta(hours=1))):
        await until(failed)
    (waiting,) = await site.jobs()
    assert datetime.fromisoformat(str(waiting.due_at)).replace(tzinfo=UTC) == latest


async def _let_the_latest_start_pass(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_job SET start_by = enqueued_at"))


async def test_a_deferrable_job_keeps_its_key_until_it_really_starts(site: Site) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    @job(deferrable=Deferrable(duration=timedelta(hours=1), finish_by=time(6)), batch=Batch(most=9, within=NOW))
    async def remind(session: AsyncSession, whom: list[int]) -> None:
        started.set()
        await go_on.wait()
        await leave(session, len(whom))

    async def later(_name: str, _duration: timedelta, finish_by: datetime, _now: datetime) -> datetime:
        return finish_by

    async def planned() -> bool:
        return all(row.attempts == 0 and row.start_by for row in await site.jobs())

    async with beside(site.worker(remind, choose_start=later)):
        for _ in range(2):
            await site.enqueue(remind, 7, unique="7")
            await until(planned)
        assert len(await site.jobs()) == 1
        await site.make_due()
        site.wakeups.wake()
        await started.wait()
        await site.enqueue(remind, 7, unique="7")
        assert len(await site.jobs()) == 2, "what runs already may have looked already"
        go_on.set()
        await until(site.effects)
    assert await site.effects() == ["1"]


async def test_a_batch_of_which_every_item_has_one_attempt_gathers_too(site: Site) -> None:
    runs: list[list[int]] = []

    @job(batch=Batch(most=3, within=timedelta(hours=1)), retries=0)
    async def collect(_session: AsyncSession, numbers: list[int]) -> None:
        runs.append(numbers)

    for number in range(3):
        await site.enqueue(collect, number)
    async with site.working(collect):
        pass
    assert runs == [[0, 1, 2]]


async def test_a_job_whose_own_task_was_cancelled_has_failed_and_is_not_begun_again_at_once(site: Site) -> None:
    @job(retries=1)
    async def await_a_task(_session: AsyncSession) -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    await site.enqueue(await_a_task)
    async with site.working(await_a_task):
        pass
    (dead,) = await site.jobs()
    assert "CancelledError" in dead.error


async def test_an_outage_is_one_line_in_the_worker_s_log_and_its_end_another(database_url: str) -> None:
    site = Site(database_url)
    site.wakeups = wakeups = Impatient(database_url)
    outages = 5

    async def looked_often() -> bool:
        return len(wakeups.waits) > outages + 1

    async def fail_first(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        if len(wakeups.waits) < outages:
            raise ConnectionError("gone")
        return await Read.first(site.database.read, statement, parameters)

    logs.configure("info")
    with pytest.MonkeyPatch.context() as patch, capture_logs() as lines:
        patch.setattr(site.database.read, "first", fail_first)
        async with beside(site.worker(note)):
            await until(looked_often)
    await site.database.close()
    events = [line["event"] for line in lines]
    assert events == ["the worker can't reach its jobs", "the worker reaches its jobs again"]


async def test_a_dead_letter_is_listed_however_many_jobs_wait(site: Site) -> None:
    @job(retries=0)
    async def break_down(_session: AsyncSession) -> None:
        raise LookupError("broken")

    async def many(session: AsyncSession) -> None:
        for what in range(job_commands.MOST):
            await enqueue(session, note, what, delay=timedelta(hours=1))

    await site.enqueue(break_down)
    async with site.working(break_down):
        pass
    await site.database.write(many)
    listed = await job_commands.act(site.database, "list", "all")
    assert "LookupError: broken" in listed.splitlines()[-2]
    assert listed.endswith("due first.")


async def test_a_schedule_that_becomes_closer_holds_from_the_next_start_on(site: Site) -> None:
    def tick_at(cron: str) -> Job:
        @job(cron=cron)
        async def tick(_session: AsyncSession) -> None: ...

        return tick

    async def due_within_two_minutes() -> bool:
        return any(
            datetime.fromisoformat(str(row.due_at)).replace(tzinfo=UTC) < datetime.now(UTC) + timedelta(minutes=2)
            for row in await site.scheduled()
        )

    async with beside(site.worker(tick_at("0 0 29 2 *"))):
        await until(site.scheduled)
    assert not await due_within_two_minutes()
    async with beside(site.worker(tick_at("* * * * *"))):
        await until(due_within_two_minutes)
    assert len(await site.scheduled()) == 1


async def test_a_dead_letter_does_not_hold_up_what_comes_after_it(site: Site) -> None:
    now = datetime.now(UTC)
    await site.database.write(put, NewJob(name="nobody", payload="{}", rank=0, due_at=now, subject="book 1"))
    await site.enqueue(note, 2, subject="book 1")
    async with site.working(note):
        pass
    assert await site.effects() == ["2"]


async def test_a_worker_that_lost_a_lease_leaves_the_job_to_the_one_that_took_it_over(site: Site) -> None:
    runs = 0
    first_may_fail, second_may_end = asyncio.Event(), asyncio.Event()

    @job()
    async def stall(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await first_may_fail.wait()
            raise LookupError
        await second_may_end.wait()
        await leave(session, f"run {runs}")

    async def runs_once() -> bool:
        return runs == 1

    async def runs_twice() -> bool:
        return runs == 2

    async def first_is_over() -> bool:
        return any(line["event"] == "job failed" for line in lines)

    await site.enqueue(stall)
    logs.configure("info")
    with capture_logs() as lines:
        async with beside(site.worker(stall)):
            await until(runs_once)
            await site.database.write(_end_all_leases)
            site.wakeups.wake()
            await until(runs_twice)
            first_may_fail.set()
            await until(first_is_over)
            second_may_end.set()
            await until(site.idle)
    assert await site.effects() == ["run 2"]
    assert runs == 2


async def test_a_job_with_a_limit_whose_worker_died_is_taken_over(site: Site) -> None:
    @job(concurrency=1)
    async def alone(session: AsyncSession) -> None:
        await leave(session, "done")

    await site.enqueue(alone)
    await site.database.write(_let_its_worker_die)
    async with site.working(alone):
        pass
    assert await site.effects() == ["done"]


async def _let_its_worker_die(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_job SET lease = 'of a dead one', attempts = 1, due_at = enqueued_at"))


async def test_a_job_that_takes_its_worker_down_again_and_again_dies_at_last(site: Site) -> None:
    await site.enqueue(fail, 7)
    await site.database.write(_let_its_worker_die)
    await site.database.write(_let_it_have_been_the_last_attempt)
    async with site.working(fail):
        pass
    (dead,) = await site.jobs()
    assert dead.error == "Its worker died 3 times while it ran."


async def _let_it_have_been_the_last_attempt(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_job SET attempts = 3"))
