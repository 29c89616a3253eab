"""What wakes an idle worker: a commit of its own process, PostgreSQL's NOTIFY, or at last its own clock."""

import asyncio
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.kit.engines import parse_url
from app.kit.jobs.inbox import CHANNEL

log = structlog.get_logger()

# SQLite tells nobody of another process's commit, so that is found by looking. PostgreSQL tells, and the look is for
# what was missed while the connection was lost.
IDLE_SECONDS = {"sqlite": 2.0, "postgresql": 30.0}
RECONNECT_SECONDS = 1


class Wakeups:
    """Wakes the worker of a process."""

    def __init__(self, database_url: str) -> None:
        self._address = parse_url(database_url)
        self._event = asyncio.Event()
        self.idle_seconds = IDLE_SECONDS[self._address.get_backend_name()]
        """How long a worker that has nothing to do may sleep."""

    def wake(self) -> None:
        """Let the worker look for jobs now."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, `seconds` at the most; return whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    async def listen(self) -> None:
        """Wake the worker whenever PostgreSQL tells of a job, until cancelled; on SQLite there is nothing to hear."""
        if self._address.get_backend_name() != "postgresql":
            return
        well = True
        while True:
            try:
                await self._listen_once()
                well = True
            except Exception as error:  # noqa: BLE001 - the worker looks by its clock until this is well again
                if well:
                    log.warning("the worker can't listen", error=str(error) or type(error).__name__)
                well = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        lost = asyncio.Event()
        engine = create_async_engine(self._address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda _connection: lost.set())
            await driver.add_listener(CHANNEL, lambda *_told: self.wake())
            self.wake()  # for what came before
            try:
                await lost.wait()
            finally:
                await connection.invalidate()
