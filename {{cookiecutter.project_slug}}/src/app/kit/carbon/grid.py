"""Where forecasts of the grid come from: a live provider, what it said lately, or the averages of a past year."""

import asyncio
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import structlog

from app.kit.carbon import BadForecast, Forecast, Signal
from app.kit.carbon.profile import profile_forecast
from app.kit.carbon.providers import Provider, new_provider
from app.kit.outgoing import CallFailed
from app.kit.settings import Settings

log = structlog.get_logger()

Rung: TypeAlias = Literal["live", "cached", "profile", "now"]

FRESH = timedelta(minutes=30)
"""How long a forecast serves all jobs before it is fetched again."""
OLDEST = timedelta(hours=6)
"""How old it may be where it can't be."""
FETCH_SECONDS = 12


class Grid:
    """The forecasts for one zone, from the best source that answers."""

    def __init__(self, provider: Provider | None, zone: str, signal: Signal) -> None:
        """Take who is asked, None for nobody, the zone of the averages, and the signal without any other."""
        self._provider = provider
        self._zone = zone
        self._signal: Signal = signal
        self._kept: tuple[datetime, Forecast] | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def forecasts(self, now: datetime, until: datetime) -> list[tuple[Rung, Forecast]]:
        """Return the forecasts there are for `now` to `until`, the best first."""
        forecasts: list[tuple[Rung, Forecast]] = []
        if self._provider is not None:
            if self._age(now) >= FRESH:
                await self._fetch(self._provider, now)
            if self._kept is not None and self._age(now) < OLDEST:
                forecasts.append(("live" if self._age(now) < FRESH else "cached", self._kept[1]))
        # The averages of a year are averages in this sense too: no substitute for a marginal forecast.
        if self._signal == "average":
            # In a thread, because a time zone is read from a file.
            profile = await asyncio.to_thread(profile_forecast, self._zone, now, until)
            if profile is not None:
                forecasts.append(("profile", profile))
        return forecasts

    async def close(self) -> None:
        """Give up what is being fetched and close every connection."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        if self._provider is not None:
            await self._provider.close()

    def _age(self, now: datetime) -> timedelta:
        return timedelta.max if self._kept is None else abs(now - self._kept[0])

    async def _fetch(self, provider: Provider, now: datetime) -> None:
        """Fetch a forecast, one for all who ask meanwhile; leave the last one where that fails."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once(provider, now))
        await asyncio.shield(self._fetching)  # whoever gives up waiting takes it from nobody else

    async def _fetch_once(self, provider: Provider, now: datetime) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keep(await provider.forecast(now), now)
        except (CallFailed, BadForecast, TimeoutError, OverflowError) as error:  # the last for years out of reach
            log.warning("no grid forecast", zone=self._zone, error=str(error) or type(error).__name__)
        finally:
            self._fetching = None

    def _keep(self, forecast: Forecast, now: datetime) -> None:
        if forecast.signal != self._signal:
            raise BadForecast(f"it is of the {forecast.signal} signal, not of the {self._signal} one")
        self._kept = (now, forecast)


def new_grid(settings: Settings) -> Grid:
    """Return the grid that `settings` name."""
    return Grid(new_provider(settings), settings.grid_zone, settings.grid_signal)
