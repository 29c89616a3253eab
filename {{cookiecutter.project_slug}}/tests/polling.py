"""How a test waits: it looks again and again, and fails where what it waits for has not come."""

import asyncio
import time
from collections.abc import Awaitable, Callable

SECONDS = 20
BETWEEN_SECONDS = 0.01


async def until(reached: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
    """Return once `reached` is true; raise AssertionError where it is not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        await asyncio.sleep(BETWEEN_SECONDS)
