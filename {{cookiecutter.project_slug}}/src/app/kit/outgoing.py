"""Calls to other systems: bounded in time, number and size, retried with restraint, and not made to what is down."""

import asyncio
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.breaker import Breaker, BreakerOpen, State
from app.kit.logs import cost
from app.kit.retries import Retries

SYSTEMS = "systems"
"""The place in a session's `info` where the other systems are, by their names."""

Answer = TypeVar("Answer")

DONE = {200, 202}
# "Request Timeout", "Too Many Requests" and all that is the server's fault (RFC 9110): later may be better.
TRY_LATER = {408, 429, *range(500, 600)}
# Of these, what is worth another try at once. Who says "too many requests" doesn't want one more.
TRY_AGAIN = {500, 502, 503, 504}


class CallFailed(Exception):
    """Another system gave no answer that can be used; the message names it and says why."""


class Unavailable(CallFailed):
    """It is down, too slow, overloaded, or left alone because it was: try later."""

    def __init__(self, message: str, *, momentary: bool = False) -> None:
        """Take what happened, and whether that may be over in a moment."""
        super().__init__(message)
        self.momentary = momentary


class BadAnswer(CallFailed):
    """It answered something else than it is documented to."""


class Refused(CallFailed):
    """It doesn't do what it was asked for, with `status` 3xx or 4xx: to ask again doesn't help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one system may cost this process."""

    connect_seconds: float = 2
    total_seconds: float = 5
    """For one attempt, from connecting to the last byte of the answer."""
    calls: int = 8
    """How many may be under way at once, retries included."""
    wait_seconds: float = 1
    """How long a call waits for one of those places."""
    answer_bytes: int = 1024 * 1024


class Counts(msgspec.Struct):
    """What has happened since the process started."""

    calls: int = 0
    """Asked for, whatever became of them."""
    failures: int = 0
    """Calls that ended in CallFailed other than Refused, or were cancelled."""
    spared: int = 0
    """Attempts that were not made because the breaker was open."""


class System:
    """Another system, by the address of its API. Opens no connection before the first call."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        off: frozenset[str],
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take its name in log and messages, its address, the practices that are off and what each call carries."""
        self.counts = Counts()
        self.name = name
        self._url = url.rstrip("/")
        self._limits = limits or Limits()
        self._retries = Retries(lambda error: isinstance(error, Unavailable) and error.momentary, on="retry" not in off)
        self._places = asyncio.Semaphore(self._limits.calls)
        self._breaker = None if "breaker" in off else Breaker(name, clock)
        from app.kit.exchange import Exchange  # noqa: PLC0415 - who calls nobody does without it

        self._exchange = Exchange(
            connect_seconds=self._limits.connect_seconds,
            total_seconds=self._limits.total_seconds,
            connections=self._limits.calls,
            headers=headers or {},
        )

    @property
    def retries(self) -> int:
        """How many attempts were made beyond the first ones."""
        return self._retries.made

    @property
    def state(self) -> State:
        """Whether calls go through: the state of its breaker."""
        return "closed" if self._breaker is None else self._breaker.state

    async def get(self, path: str, into: type[Answer], parameters: Mapping[str, str] | None = None) -> Answer:
        """Return the JSON at `path` as an `into`; tried three times at the most, where that may help.

        Raises Unavailable, BadAnswer or Refused. Never call this inside of a unit of work: its transaction would
        keep others waiting for as long as this takes.
        """
        return await self._call("GET", path, lambda body: self._decode(body, into), params=parameters or {})

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send `body`; return once it is accepted. For what may arrive twice: like `get`, it is tried again.

        Raises Unavailable or Refused.
        """
        await self._call("POST", path, lambda _body: None, data=body, headers=headers)

    async def close(self) -> None:
        """Close every connection."""
        await self._exchange.close()

    async def _call(self, method: str, path: str, read: Callable[[bytes], Answer], **sent: object) -> Answer:
        self.counts.calls += 1
        try:
            async for attempt in self._retries.attempts():
                with attempt:
                    return await self._attempt(method, path, read, sent)
        except Refused:
            raise
        except BaseException:
            self.counts.failures += 1
            raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _attempt(
        self, method: str, path: str, read: Callable[[bytes], Answer], sent: Mapping[str, Any]
    ) -> Answer:
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable(f"{self.name} is busy: {self._limits.calls} calls are under way") from None
        try:
            with self._guard():
                status, body = await self._ask(method, path, sent)
                if status in TRY_LATER:
                    raise Unavailable(f"{self.name} answered {status}", momentary=status in TRY_AGAIN)
                if status in DONE:
                    return read(body)
        finally:
            self._places.release()
        raise Refused(f"{self.name} answered {status} to {path}", status)

    @contextmanager
    def _guard(self) -> Generator[None]:
        if self._breaker is None:
            yield
            return
        try:
            with self._breaker.guard():
                yield
        except BreakerOpen:
            self.counts.spared += 1
            raise Unavailable(f"{self.name} failed lately and is left alone for some seconds") from None

    async def _ask(self, method: str, path: str, sent: Mapping[str, Any]) -> tuple[int, bytes]:
        """Return status and body of one attempt."""
        if (spent := cost.get()) is not None:
            spent.calls += 1
        most = self._limits.answer_bytes
        try:
            status, body = await self._exchange.request(method, f"{self._url}{path}", most, **sent)
        except TimeoutError:
            late = f"{self.name} gave no answer within {self._limits.total_seconds} s"
            raise Unavailable(late, momentary=True) from None
        except ConnectionError as error:
            raise Unavailable(f"{self.name} can't be reached: {error}", momentary=True) from None
        if len(body) > most:
            raise BadAnswer(f"{self.name} answered more than {most} bytes")
        return status, body

    def _decode(self, body: bytes, into: type[Answer]) -> Answer:
        try:
            return msgspec.json.decode(body, type=into)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadAnswer(f"{self.name} answered something else than documented: {error}") from None


def system(session: AsyncSession, name: str) -> System | None:
    """Return the other system of that name, for a job; None where the settings name none."""
    systems: Mapping[str, System] = session.info.get(SYSTEMS, {})
    return systems.get(name)
