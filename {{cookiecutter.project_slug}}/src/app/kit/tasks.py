"""Work that an answer need not wait for and that may be lost in a crash: started, kept, and awaited at shutdown."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import structlog

log = structlog.get_logger()

DRAIN_SECONDS = 5


class Tasks:
    """The tasks that requests of one process have left behind."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` beside the requests; its failure is logged."""
        task = asyncio.create_task(work, context=Context())  # what it costs is no longer the request's
        self._running.add(task)  # the event loop alone would let it be collected half-way
        task.add_done_callback(self._ended)

    async def drain(self) -> None:
        """Wait until all is done, five seconds at the most; cancel and log what is not."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.error("tasks cancelled at shutdown", tasks=[task.get_name() for task in late])
            await asyncio.wait(late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)
