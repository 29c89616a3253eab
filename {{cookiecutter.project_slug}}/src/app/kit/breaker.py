"""A circuit breaker: what failed several times in a row is left alone for a while, then tried with one call."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import structlog

log = structlog.get_logger()

State: TypeAlias = Literal["closed", "open", "half-open"]

FAILURES = 5
"""How many calls in a row must fail before the breaker opens."""
OPEN_SECONDS = 15


class BreakerOpen(Exception):
    """The call was not made: the last ones failed, and it is too early to try again."""


class Breaker:
    """Stands between callers and one system they depend on. Each change of state is one line in the log."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the name of the system in the log, and what tells the time, in seconds."""
        self.state: State = "closed"
        self._name = name
        self._clock = clock
        self._failures = 0
        self._opened_at = 0.0
        # A call that started before the last change of state has nothing to say about what is so now.
        self._era = 0

    @contextmanager
    def guard(self) -> Generator[None]:
        """Let the call in its block through and learn from how it ends; raise BreakerOpen in place of it.

        While half-open one call goes through, however many ask. Every exception is a failure, and so is a
        cancellation: whoever called had waited for long enough.
        """
        self._admit()
        era = self._era
        try:
            yield
        except BaseException:
            self._failed(era)
            raise
        self._succeeded(era)

    def _admit(self) -> None:
        if self.state == "closed":
            return
        if self.state == "half-open" or self._clock() - self._opened_at < OPEN_SECONDS:
            raise BreakerOpen
        self._become("half-open")  # and this caller is the probe

    def _failed(self, era: int) -> None:
        if era != self._era:
            return
        self._failures += 1
        if self.state == "half-open" or self._failures >= FAILURES:
            self._opened_at = self._clock()
            self._become("open")

    def _succeeded(self, era: int) -> None:
        if era != self._era:
            return
        self._failures = 0
        if self.state == "half-open":
            self._become("closed")

    def _become(self, state: State) -> None:
        self.state = state
        self._era += 1
        note = log.warning if state == "open" else log.info
        note("breaker", system=self._name, state=state, failures=self._failures)
