"""Workers as processes: killed, stopped, two at a time."""

import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.jobs import enqueue
from tests.conftest import TOKEN
from tests.jobsite import Site
from tests.kit.jobs_app import linger, note
from tests.polling import until
from tests.server import PROJECT, running, serving

MAIN = "tests.kit.jobs_app"
ONCE_EACH = Counter({str(what): 1 for what in range(500)})


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    """Return the settings of a worker that is taken for dead soon."""
    return {"API_TOKEN": TOKEN, "DATABASE_URL": database_url, "JOB_LEASE_SECONDS": "1", "LOG_LEVEL": "warning"}


async def post(address: str) -> httpx.Response:
    """Return the answer to a POST."""
    async with httpx.AsyncClient() as client:
        return await client.post(address)


async def five_hundred(session: AsyncSession) -> None:
    """Leave 500 jobs."""
    for what in range(500):
        await enqueue(session, note, what)


async def test_a_worker_killed_in_the_middle_of_500_jobs_loses_none_and_repeats_none(
    site: Site, settings: dict[str, str]
) -> None:
    await site.database.write(five_hundred)

    async def half_way() -> bool:
        return len(await site.effects()) > 100

    with running("worker", PROJECT, MAIN, **settings) as worker:
        await until(half_way)
        worker.process.kill()
    assert 100 < len(await site.effects()) < 500
    with running("worker", PROJECT, MAIN, **settings):
        await until(site.idle)
    assert Counter(await site.effects()) == ONCE_EACH
    assert await site.jobs() == [], "none died of it"


async def test_two_workers_do_500_jobs_once_each(site: Site, settings: dict[str, str]) -> None:
    await site.database.write(five_hundred)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running("worker", PROJECT, MAIN, **settings))
        await until(site.idle)
    assert Counter(await site.effects()) == ONCE_EACH


async def test_a_web_process_killed_before_its_answer_has_left_the_job(site: Site, settings: dict[str, str]) -> None:
    with serving("serve", PROJECT, MAIN, **settings) as server, pytest.raises(httpx.TransportError):
        await post(f"{server.address}/orders/last")
    assert await site.effects() == []
    with running("worker", PROJECT, MAIN, **settings):
        await until(site.effects)
    assert await site.effects() == ["1"]


async def test_a_web_process_with_a_worker_inside_runs_the_job_itself(site: Site, settings: dict[str, str]) -> None:
    with serving("serve", PROJECT, MAIN, WORKER_INSIDE="true", **settings) as server:
        await post(f"{server.address}/orders")
        await until(site.effects)
    assert await site.effects() == ["1"]


async def test_a_worker_that_is_told_to_end_ends_its_job_first(
    site: Site, settings: dict[str, str], tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    await site.enqueue(linger, str(go_on))
    with running("worker", PROJECT, MAIN, **settings) as worker:

        async def lingering() -> bool:
            return "lingering" in worker.output()

        await until(lingering)
        worker.process.send_signal(signal.SIGTERM)
        await site.enqueue(note, 1)
        go_on.touch()
        assert worker.process.wait(timeout=10) == 0
    assert await site.effects() == ["lingered"]
    assert [left.name for left in await site.jobs()] == ["note"]
