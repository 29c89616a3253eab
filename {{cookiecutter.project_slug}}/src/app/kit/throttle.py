"""Throttling: so many requests a caller in a window of time, then 429 until the next window begins.

A request that does the work of several says so (`charge`), and counts as so many.

Windows are fixed and begin at the same moments of the clock everywhere, so that a request costs one addition: in
memory, or in one round trip to the server that all instances share.
"""

import math
import time
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, Protocol

import msgspec
from litestar.exceptions import TooManyRequestsException
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from redis.asyncio import BlockingConnectionPool, Redis

from app.kit.cache_store import CLIENT_OPTIONS, CLIENT_SECONDS, redis_address
from app.kit.errors import send_problem
from app.kit.optional_service import OptionalService
from app.kit.security import is_bearer
from app.kit.settings import Settings

SECONDS = {"second": 1, "minute": 60, "hour": 3600}
# About 11 MB; who commands more addresses within one window has got round a limit by address anyway.
MAX_CALLERS = 100_000
POOL_SIZE = 10
# Adds and returns the sum; the first of a window sets its end. What is no number starts again.
ADD = """
local n = redis.pcall('INCRBY', KEYS[1], ARGV[2])
if type(n) ~= 'number' then n = tonumber(ARGV[2]) redis.call('SET', KEYS[1], n) end
if n == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return n
"""
# Counts more requests to the caller of the current one; None where nobody counts.
_charge: ContextVar[Callable[[int], Awaitable[None]] | None] = ContextVar("charge", default=None)


async def charge(requests: int) -> None:
    """Count the request of the current task as so many; raise TooManyRequestsException where these are too many."""
    add = _charge.get()
    if add is not None and requests > 1:
        await add(requests - 1)


class Rate(msgspec.Struct, frozen=True):
    """So many requests in a window of so many seconds."""

    requests: int
    seconds: int

    @classmethod
    def of(cls, text: str) -> "Rate":
        """Return the rate that RATE_LIMIT means, such as `600/minute`."""
        requests, _, unit = text.partition("/")
        return cls(int(requests), SECONDS[unit])


class Counts(Protocol):
    """How many requests each caller made in a window."""

    async def add(self, caller: str, window: int, requests: int = 1) -> int:
        """Count requests of `caller` in the window with this number; return how many it made there."""
        ...

    async def close(self) -> None:
        """Let go of connections."""


class MemoryCounts:
    """The counts of this process alone; a new window starts with none."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: dict[str, int] = {}

    async def add(self, caller: str, window: int, requests: int = 1) -> int:
        """Count in memory."""
        if window != self._window or len(self._counts) >= MAX_CALLERS:
            self._window = window
            self._counts = {}
        count = self._counts[caller] = self._counts.get(caller, 0) + requests
        return count

    async def close(self) -> None:
        """Nothing to let go of."""


class SharedCounts:
    """The counts of all instances, on a Valkey or Redis; while it doesn't answer, every count is 0."""

    def __init__(self, url: str, service: OptionalService, seconds: int) -> None:
        """Take a CACHE_URL, whether it can be used, and the length of a window in seconds."""
        # Waits for a connection instead of failing when many requests come at once; the time is OptionalService's.
        pool = BlockingConnectionPool.from_url(
            redis_address(url), max_connections=POOL_SIZE, timeout=CLIENT_SECONDS, **CLIENT_OPTIONS
        )
        self._redis: Any = Redis.from_pool(pool)
        self._seconds = seconds
        self._service = service

    async def add(self, caller: str, window: int, requests: int = 1) -> int:
        """Count on the server."""
        return await self._service.ask(lambda: self._add(f"throttle:{window}:{caller}", requests), otherwise=0)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _add(self, key: str, requests: int) -> int:
        return await self._redis.eval(ADD, 1, key, self._seconds, requests)


def new_counts(settings: Settings, service: OptionalService) -> Counts:
    """Return where `settings` want requests counted; nothing is opened before the first."""
    if settings.cache_url:
        return SharedCounts(settings.cache_url, service, Rate.of(settings.rate_limit).seconds)
    return MemoryCounts()


class Throttle:
    """ASGI middleware that answers 429 to a caller who has made RATE_LIMIT requests in this window.

    A caller is who bears the API token, or else an address (of IPv6, its network of 64 bits). Every answer says what
    is left, in the headers of the IETF draft "RateLimit header fields for HTTP", version 10.
    """

    def __init__(self, app: ASGIApp, counts: Counts, settings: Settings, free: Collection[str]) -> None:
        """Take the application to guard, where to count, and the paths that cost nothing."""
        self._app = app
        self._counts = counts
        self._rate = Rate.of(settings.rate_limit)
        self._token = settings.api_token
        self._free = frozenset(free)
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (self._rate.requests, self._rate.seconds))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request; pass it on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._free:
            await self._app(scope, receive, send)
            return
        window, elapsed = divmod(time.time(), self._rate.seconds)
        caller = self._caller(scope)
        count = await self._counts.add(caller, int(window))
        reset = math.ceil(self._rate.seconds - elapsed)
        refusal = f"More than {self._rate.requests} requests in {self._rate.seconds} s: wait {reset} s."

        async def add(requests: int) -> None:
            nonlocal count
            count = await self._counts.add(caller, int(window), requests)
            if count > self._rate.requests:
                raise TooManyRequestsException(refusal, headers={"Retry-After": str(reset)})

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = b'"default";r=%d;t=%d' % (max(0, self._rate.requests - count), reset)
                message = {**message, "headers": [*message["headers"], self._policy, (b"ratelimit", left)]}
            await send(message)

        if count <= self._rate.requests:
            _charge.set(add)  # never reset: the server runs each request in a task, and so in a context, of its own
            await self._app(scope, receive, send_with_limits)
        else:
            await send_problem(send_with_limits, 429, refusal, {"Retry-After": str(reset)})

    def _caller(self, scope: Scope) -> str:
        # An invalid token counts as its address: made-up ones would each be a caller with a fresh count.
        for name, value in scope["headers"]:
            if name == b"authorization" and is_bearer(value.decode("latin-1"), self._token):
                return "token"
        return _network(scope["client"][0]) if scope["client"] else ""


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    """Return what one client can't change about its address: all of an IPv4, the first 64 bits of an IPv6."""
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or address.packed[:8].hex())
