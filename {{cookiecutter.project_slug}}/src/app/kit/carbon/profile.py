"""What is known of a grid without asking anybody: how its carbon intensity went through the days of a past year."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from app.kit.carbon import Forecast, Point

HOUR = timedelta(hours=1)
HOURS = 24
MOST_HOURS = 24 * 7

SOURCE_2020 = "Wiesner et al., Let's Wait Awhile (Middleware 2021), data of 2020 from ENTSO-E"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A year of one grid, as averages."""

    time_zone: str
    year: int
    source: str
    mean: float
    """gCO2e/kWh, average signal."""
    spread: float
    """The standard deviation of its half-hours, as a share of the mean: most of it is weather, not the hour."""
    factors: tuple[float, ...]
    """For each hour of the day, by the clocks of the zone, its share of the mean."""


def _factors(known: Mapping[range, float]) -> tuple[float, ...]:
    """Return 24 factors with a mean of 1: those of the hours that are `known`, and one for all the others."""
    given = {hour: factor for hours, factor in known.items() for hour in hours}
    rest = (HOURS - sum(given.values())) / (HOURS - len(given))
    return tuple(given.get(hour, rest) for hour in range(HOURS))


# Means and spreads are those of the data set. Of the hours, these averages are known: from 00 to 05 o'clock 15% below
# the mean in Great Britain, 6% in France and none in Germany, where 10 to 15 o'clock is 8% below. The rest follows.
PROFILES = {
    "GB": Profile(
        time_zone="Europe/London",
        year=2020,
        source=SOURCE_2020,
        mean=212.9,
        spread=0.31,
        factors=_factors({range(5): 0.85}),
    ),
    "DE": Profile(
        time_zone="Europe/Berlin",
        year=2020,
        source=SOURCE_2020,
        mean=313.4,
        spread=0.35,
        factors=_factors({range(5): 1.0, range(10, 15): 0.92}),
    ),
    "FR": Profile(
        time_zone="Europe/Paris",
        year=2020,
        source=SOURCE_2020,
        mean=56.3,
        spread=0.34,
        factors=_factors({range(5): 0.94}),
    ),
}


def profile_forecast(zone: str, start: datetime, until: datetime) -> Forecast | None:
    """Return what the averages of `zone` say of the hours from `start` to `until`, a week at the most.

    None for a zone of which nothing is known.
    """
    profile = PROFILES.get(zone)
    if profile is None:
        return None
    clock = ZoneInfo(profile.time_zone)
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    points = []
    while (not points or hour < until) and len(points) < MOST_HOURS:
        grams = profile.mean * profile.factors[hour.astimezone(clock).hour]
        points.append(Point(hour, hour + HOUR, grams))
        hour += HOUR
    return Forecast.of(points, zone=zone, source=f"profile of {profile.year}", signal="average")
