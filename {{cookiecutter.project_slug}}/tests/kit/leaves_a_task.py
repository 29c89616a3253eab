"""A server whose one handler answers at once and leaves the rest to a task."""

import asyncio

from litestar import Controller, Litestar, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.app import build_app
from app.kit.commands import run
from app.kit.module import Module
from app.kit.settings import Settings
from app.kit.tasks import Tasks

WORK_SECONDS = 1


class Leaving(Controller):
    """What can wait is left behind."""

    path = "/leave"

    @post(status_code=202)
    async def leave(self, tasks: NamedDependency[Tasks]) -> None:
        """Leave work of a second behind."""
        tasks.start(work())


async def work() -> None:
    """Take a second, and say so."""
    await asyncio.sleep(WORK_SECONDS)
    print("the work is done", flush=True)  # noqa: T201


async def nothing(_session: AsyncSession) -> bool:
    """Add no sample data."""
    return False


def create_app() -> Litestar:
    """Return the application."""
    return build_app(Settings.load(), [MODULE], title="Leaving")


MODULE = Module(name="catalog", controllers=[Leaving], seed=nothing)

if __name__ == "__main__":
    run([MODULE], "tests.kit.leaves_a_task:create_app")
