"""CPU time of one task among many: added up step by step, so what runs between its steps is nobody's but its own."""

import time
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any


class Metered:
    """To be awaited instead of `work`: knows how much CPU time its thread spent on it."""

    __slots__ = ("_work", "seconds")

    def __init__(self, work: Awaitable[None]) -> None:
        """Take what is to be done; what it leaves to other tasks and threads is not counted."""
        self._work = work
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, None]:
        """Do the work; pass on what it waits for, and what it raises."""
        steps = self._work.__await__()
        resume: Callable[[], Any] = partial(steps.send, None)
        while True:
            began = time.thread_time()
            try:
                waits_for = resume()
            except StopIteration:
                return
            finally:
                self.seconds += time.thread_time() - began
            try:
                resume = partial(steps.send, (yield waits_for))
            except BaseException as error:  # noqa: BLE001 - whatever is thrown into this one is for the work
                resume = partial(steps.throw, error)
