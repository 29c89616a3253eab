"""A service that requests can do without, such as a shared cache: left alone while it doesn't answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

log = structlog.get_logger()

Result = TypeVar("Result")

ANSWER_SECONDS = 0.3
# A busy event loop can let that pass while the answer lies there, unread: so it gets the time to be read.
LATE_SECONDS = 0.05
PROBE_SECONDS = 0.5


class OptionalService:
    """Keeps requests away from a service that failed, until a probe in the background finds it well again.

    The first failure costs a request 0.35 s at the most; until the probe succeeds, requests ask nothing and wait
    for nothing. Each change of state is one line in the log.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], Awaitable[object]],
        recovered: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Take the service's name in the log, what fails while it is down, and what to do first when it is back."""
        self._name = name
        self._probe = probe
        self._recovered = recovered
        self._probing: asyncio.Task[None] | None = None

    async def ask(self, call: Callable[[], Awaitable[Result]], otherwise: Result) -> Result:
        """Return what `call` answers, or `otherwise` where the service is down or doesn't answer in time."""
        if self._probing is not None:
            return otherwise
        answer = asyncio.ensure_future(call())
        try:
            await asyncio.wait((answer,), timeout=ANSWER_SECONDS)
            if not answer.done():
                await asyncio.wait((answer,), timeout=LATE_SECONDS)
            if answer.done():
                return answer.result()
            self._leave_alone(TimeoutError(f"no answer within {ANSWER_SECONDS} s"))
        except Exception as error:  # noqa: BLE001 - whatever its client raises, the meaning is the same
            self._leave_alone(error)
        finally:
            answer.cancel()
        return otherwise

    async def close(self) -> None:
        """Stop probing."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    def _leave_alone(self, error: Exception) -> None:
        if self._probing is None:
            log.warning("service down", service=self._name, error=str(error) or type(error).__name__)
            self._probing = asyncio.create_task(self._wait_until_well())

    async def _wait_until_well(self) -> None:
        while not await self._is_well():  # noqa: ASYNC110 - a service that is down announces nothing
            await asyncio.sleep(PROBE_SECONDS)
        log.info("service back", service=self._name)
        self._probing = None

    async def _is_well(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._probe()
                if self._recovered is not None:
                    await self._recovered()
        except Exception:  # noqa: BLE001 - still down, which is logged already
            return False
        return True
