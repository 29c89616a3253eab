"""Retries with restraint: a few, spread out, and no more in all than what is asked can bear."""

from collections.abc import AsyncIterable, Callable

import stamina

ATTEMPTS = 3
SHARE = 0.2
"""How many retries each call earns: what is down must not be asked three times as often as what is well."""
MOST_EARNED = 10.0
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2
JITTER_SECONDS = 0.2


class Retries:
    """The retries of all calls to one system: one in advance, then one for every five calls."""

    def __init__(self, worth_it: Callable[[Exception], bool], *, on: bool) -> None:
        """Take which errors are worth another try, and whether there is any."""
        self.made = 0
        self._worth_it = worth_it
        self._attempts = ATTEMPTS if on else 1
        self._earned = 1.0

    def attempts(self) -> AsyncIterable[stamina.Attempt]:
        """Return the attempts of one call, to be used as `async for attempt in …: with attempt: return …`."""
        self._earned = min(self._earned + SHARE, MOST_EARNED)
        left = self._attempts

        def again(error: Exception) -> bool:
            nonlocal left
            left -= 1
            if not self._worth_it(error) or not left or self._earned < 1:
                return False
            self._earned -= 1
            self.made += 1
            return True

        return stamina.retry_context(
            on=again,
            attempts=self._attempts,
            timeout=None,
            wait_initial=FIRST_WAIT_SECONDS,
            wait_max=LONGEST_WAIT_SECONDS,
            wait_jitter=JITTER_SECONDS,
        )
