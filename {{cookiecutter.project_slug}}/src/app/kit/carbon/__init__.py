"""When work that can wait should start: at the cleanest time of a forecast from which it is still done in time."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

Signal: TypeAlias = Literal["average", "marginal"]
"""What a figure means: the mean of all that is generated, or of what one more kWh makes run. Never to be compared."""

# A grid of nothing but old lignite plants is at some 1,200. What is beyond is in another unit: g/MWh, say.
MOST_GRAMS = 2_000
# And a grid that is below this all the time is one in kg/kWh or t/MWh.
LEAST_GRAMS = 1
DECIMALS = 3
"""To which a mean is rounded, lest a flat grid look cleaner at some hour by what floating point leaves over."""


class BadForecast(ValueError):
    """These figures can't be a forecast in g/kWh; the message says why."""


class Point(msgspec.Struct, frozen=True, order=True):
    """A stretch of time through which electricity is expected to cost the same."""

    start: datetime
    end: datetime
    grams: float
    """gCO2e/kWh."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """How clean the electricity of a zone will be: points in order, with gaps where nothing is known."""

    zone: str
    source: str
    signal: Signal
    points: tuple[Point, ...]

    @classmethod
    def of(cls, points: Iterable[Point], *, zone: str, source: str, signal: Signal) -> "Forecast":
        """Return the forecast of `points`, which may come in any order; raise BadForecast where they can't be one."""
        ordered = tuple(sorted(points))
        if not ordered:
            raise BadForecast("there are no figures")
        if any(point.start >= point.end for point in ordered):
            raise BadForecast("a figure is for no time at all")
        if any(before.end > after.start for before, after in pairwise(ordered)):
            raise BadForecast("there are two figures for one time")
        if not all(0 <= point.grams <= MOST_GRAMS for point in ordered):
            raise BadForecast(f"a figure is not between 0 and {MOST_GRAMS}: these are no g/kWh")
        if max(point.grams for point in ordered) < LEAST_GRAMS:
            raise BadForecast(f"all figures are below {LEAST_GRAMS}: these are no g/kWh")
        return cls(zone=zone, source=source, signal=signal, points=ordered)

    def mean(self, start: datetime, duration: timedelta) -> float | None:
        """Return the mean gCO2e/kWh of `duration` from `start`; None unless there is a figure for all of it."""
        at, end, total = start, start + duration, 0.0
        position = bisect_right(self.points, start, key=lambda point: point.start) - 1
        while at < end:
            if not 0 <= position < len(self.points):
                return None
            point = self.points[position]
            if not point.start <= at < point.end:
                return None
            until = min(point.end, end)
            total += point.grams * (until - at).total_seconds()
            at = until
            position += 1
        return round(total / duration.total_seconds(), DECIMALS)


class Decision(msgspec.Struct, frozen=True):
    """When work starts, UTC, and the mean gCO2e/kWh while it runs: None where nothing is known."""

    start: datetime
    planned: float | None = None
    at_once: float | None = None
    """Had it started when it was asked for."""


def choose_start(now: datetime, duration: timedelta, finish_by: datetime, forecast: Forecast) -> Decision:
    """Return when work of `duration` (more than none) has the lowest mean gCO2e/kWh of all starts from `now` on.

    Of equal ones the earliest; never later than `finish_by - duration`, and `now` where that has passed or nothing
    is known. Times are aware. To be asked again for work that was interrupted, with the time it still takes.
    """
    # In UTC, because Python reckons with the hands of the clock within one time zone, also across its changes.
    now, finish_by = now.astimezone(UTC), finish_by.astimezone(UTC)
    latest = finish_by - duration
    at_once = forecast.mean(now, duration)
    # Between two of these moments the mean changes evenly, so that it is lowest at one of them.
    edges = {edge for point in forecast.points for edge in (point.start, point.end)}
    moments = {now, latest, *edges, *(edge - duration for edge in edges)}
    planned, start = min(
        (
            (mean, moment)
            for moment in moments
            if now <= moment <= latest and (mean := forecast.mean(moment, duration)) is not None
        ),
        default=(at_once, now),
    )
    return Decision(start, planned, at_once)
