"""Batches: many jobs of one name, one run."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.jobs import Batch, Job, enqueue, job
from app.kit.jobs.worker import beside
from tests.jobsite import Site, leave
from tests.polling import until

SOON = timedelta(milliseconds=50)
LATE = timedelta(hours=1)
NOBODY = -1


def batched(runs: list[list[int]], most: int, within: timedelta, broken: int = NOBODY) -> Job:
    """Return a batched job that notes what each of its runs is given, and fails where `broken` is among it."""

    @job(batch=Batch(most=most, within=within), retries=3)
    async def collect(session: AsyncSession, numbers: list[int]) -> None:
        runs.append(numbers)
        for number in numbers:
            await leave(session, number)
        if broken in numbers:
            raise LookupError(f"{broken} is broken")

    return collect


async def enqueue_all(session: AsyncSession, wanted: Job, numbers: range) -> None:
    """Enqueue one job a number."""
    for number in numbers:
        await enqueue(session, wanted, number)


async def test_a_thousand_items_are_one_run(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=1000, within=SOON)
    await site.database.write(enqueue_all, collect, range(1000))
    async with site.working(collect):
        pass
    assert runs == [list(range(1000))]
    assert len(await site.effects()) == 1000


async def test_items_of_many_transactions_gather_too(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=20, within=LATE)
    async with site.working(collect):
        for number in range(20):
            await site.enqueue(collect, number)
    assert runs == [list(range(20))]


async def test_a_batch_that_is_full_does_not_wait(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=10, within=LATE)
    await site.database.write(enqueue_all, collect, range(25))

    async def twenty_are_done() -> bool:
        return len(await site.effects()) == 20

    async with beside(site.worker(collect)):
        await until(twenty_are_done)
    assert [len(run) for run in runs] == [10, 10]
    assert len(await site.jobs()) == 5


async def test_one_bad_item_takes_no_other_down_with_it(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=10, within=SOON, broken=3)
    await site.database.write(enqueue_all, collect, range(10))
    async with site.working(collect):
        pass
    assert sorted(map(int, await site.effects())) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    (dead,) = await site.jobs()
    assert "3 is broken" in dead.error
    assert len(runs) <= 13, "the others ran alone only once"


async def test_of_one_subject_a_later_item_waits_for_an_earlier_one_that_failed(site: Site) -> None:
    @job(batch=Batch(most=10, within=timedelta(0)), concurrency=1)
    async def collect(session: AsyncSession, numbers: list[int]) -> None:
        if 1 in numbers:
            raise LookupError
        for number in numbers:
            await leave(session, number)

    async def has_failed() -> bool:
        return any(row.error for row in await site.jobs())

    async with beside(site.worker(collect, first_retry=LATE)):
        await site.enqueue(collect, 1, subject="one")
        await until(has_failed)
        await site.enqueue(collect, 2, subject="one")
        await site.enqueue(collect, 3, subject="another")
        await until(site.effects)
    assert await site.effects() == ["3"]
    assert len(await site.jobs()) == 2


async def test_a_batch_with_subjects_wants_to_run_alone(site: Site) -> None:
    with pytest.raises(TypeError, match="only with concurrency=1"):
        await site.enqueue(batched([], most=2, within=SOON), 1, subject="one")


async def test_a_delayed_item_waits_for_its_time(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=2, within=SOON)
    await site.enqueue(collect, 1, delay=LATE)
    await site.enqueue(collect, 2)
    async with beside(site.worker(collect)):
        await until(site.effects)
    assert runs == [[2]]


async def test_items_that_run_are_not_gathered_once_more(site: Site) -> None:
    runs: list[list[int]] = []
    go_on = asyncio.Event()

    @job(batch=Batch(most=2, within=LATE))
    async def collect(_session: AsyncSession, numbers: list[int]) -> None:
        runs.append(numbers)
        await go_on.wait()

    async def one_runs() -> bool:
        return len(runs) == 1

    async def both_run() -> bool:
        return len(runs) == 2

    await site.database.write(enqueue_all, collect, range(2))
    async with site.working(collect):
        await until(one_runs)
        await site.database.write(enqueue_all, collect, range(2, 4))
        await until(both_run)
        go_on.set()
    assert runs == [[0, 1], [2, 3]]


async def test_an_item_that_is_to_run_by_itself_is_in_no_other_batch(site: Site) -> None:
    runs: list[list[int]] = []
    collect = batched(runs, most=10, within=SOON)
    await site.database.write(enqueue_all, collect, range(3))
    await site.database.write(_let_the_last_have_failed)
    await site.make_due()
    async with site.working(collect):
        pass
    assert sorted(runs) == [[0, 1], [2]]


async def _let_the_last_have_failed(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_job SET attempts = 3 WHERE id = (SELECT max(id) FROM kit_job)"))
