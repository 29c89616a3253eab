"""The project with jobs and addresses of a test's own, to be run and killed as processes."""

import asyncio
import os
import signal
from pathlib import Path

import msgspec
from litestar import Controller, Litestar, post
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.app import build_app
from app.kit.commands import run
from app.kit.jobs import enqueue, job
from app.kit.parameters import Writes
from app.kit.settings import Settings
from tests.jobsite import leave
from tests.modules import MODULES


@job()
async def note(session: AsyncSession, what: int) -> None:
    """Leave an effect."""
    await leave(session, what)


@job()
async def linger(session: AsyncSession, until: str) -> None:
    """Leave an effect once there is a file of that name."""
    print("lingering", flush=True)  # noqa: T201 - the test waits for it
    while not await asyncio.to_thread(Path(until).exists):  # noqa: ASYNC110 - nobody tells of a file
        await asyncio.sleep(0.01)
    await leave(session, "lingered")


class Orders(Controller):
    """Two ways to leave a job."""

    path = "/orders"

    @post()
    async def place(self, write: Writes) -> None:
        """Leave a job and answer."""
        await write(enqueue, note, 1)

    @post("/last")
    async def place_and_die(self, write: Writes) -> None:
        """Leave a job and die before the answer."""
        await write(enqueue, note, 1)
        os.kill(os.getpid(), signal.SIGKILL)


FIRST, *OTHERS = MODULES
ALL = [msgspec.structs.replace(FIRST, controllers=[*FIRST.controllers, Orders], jobs=[note, linger]), *OTHERS]


def create_app() -> Litestar:
    """Return the application with the test's jobs."""
    return build_app(Settings.load(), ALL, title="Tests")


if __name__ == "__main__":
    run(ALL, "tests.kit.jobs_app:create_app")
