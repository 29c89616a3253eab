"""A stand-in for another system's HTTP API, which can be told to be slow, wrong or dead."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from tests.server import free_port


class StandIn:
    """Answers every request in the way it was last told to, and counts them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.under_way = 0
        self.most_under_way = 0
        self._answer: Callable[[], web.Response] = web.Response
        self._may_answer = asyncio.Event()
        self._dead = False
        self.be_well({})

    @property
    def calls(self) -> int:
        """How many requests have come."""
        return len(self.requests)

    def be_well(self, answer: Any) -> None:
        """Answer with this JSON, at once."""
        self.be_wrong(200, msgspec.json.encode(answer))

    def be_wrong(self, status: int = 200, body: bytes = b"<html>", **headers: str) -> None:
        """Answer with this status and body, at once."""
        self._dead = False
        self._answer = lambda: web.Response(status=status, body=body, headers=headers)
        self._may_answer.set()

    def be_slow(self) -> None:
        """Don't answer until told to be well again."""
        self._may_answer.clear()

    def be_dead(self) -> None:
        """Hang up on whoever calls."""
        self._dead = True
        self._may_answer.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as told."""
        self.requests.append(request)
        self.bodies.append(await request.read())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._may_answer.wait()
            if self._dead and request.transport is not None:
                request.transport.abort()
            return self._answer()
        finally:
            self.under_way -= 1


@asynccontextmanager
async def standing_in() -> AsyncGenerator[StandIn]:
    """Yield a stand-in that listens, in the event loop of the test."""
    standin = StandIn()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", standin.handle)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", standin.port).start()
    try:
        yield standin
    finally:
        await runner.cleanup()
