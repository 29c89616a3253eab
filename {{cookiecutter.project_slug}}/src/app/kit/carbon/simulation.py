"""What it saves to choose the hour: a year of a made-up grid that has the averages of a real one."""

import math
import random
from datetime import UTC, date, datetime, time, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

import msgspec

from app.kit.carbon import Forecast, Point, choose_start
from app.kit.carbon.profile import HOUR, HOURS, PROFILES, SOURCE_2020, profile_forecast

SEED = "evergreen"
YEAR = 2020
DAYS = 366
EVENING, NIGHT = time(18), time(2)
HOURS_AHEAD = 48
"""How far a live forecast reaches."""
# Three assumptions, of which the averages say nothing.
SEASON = 0.1
"""How far mid-January lies above the mean of the year, and mid-July below it."""
WEATHER_LASTS = 0.98
"""How much of the difference from the mean is left an hour later: half of it after a day and a half."""
FORECAST_ERROR = 0.05
"""The standard deviation of a forecast from what comes."""
COLUMNS = ("at once", "at 02:00", "by profile", "by forecast")


class Habit(msgspec.Struct, frozen=True):
    """Deferrable work that comes again and again."""

    name: str
    asked: time
    """By the clocks of the zone."""
    finish_within: timedelta
    duration: timedelta
    monthly: bool = False
    """On the first of each month, else every day."""


HABITS = (
    Habit("10 min a month, 18:00-06:00", time(18), timedelta(hours=12), timedelta(minutes=10), monthly=True),
    Habit("1 h a day, 18:00-06:00", time(18), timedelta(hours=12), HOUR),
    Habit("10 min a day, 08:00-08:00", time(8), timedelta(hours=24), timedelta(minutes=10)),
)


def simulate(zone: str) -> dict[str, tuple[float, ...]]:
    """Return for each habit the mean gCO2e/kWh of its runs in a year, for each of COLUMNS; always the same ones."""
    clock = ZoneInfo(PROFILES[zone].time_zone)
    chance = random.Random(f"{SEED} {zone}")  # noqa: S311 - a year that can be made again, not a secret
    truth = _year(zone, chance)
    expected = Forecast.of(
        (
            msgspec.structs.replace(point, grams=point.grams * max(chance.gauss(1, FORECAST_ERROR), 0))
            for point in truth.points
        ),
        zone=zone,
        source=truth.source,
        signal="average",
    )
    return {habit.name: _means(habit, clock, truth, expected) for habit in HABITS}


def simulation_table() -> str:
    """Return the table that `poe carbon --simulate` prints."""
    lines = [f"{'zone':<5} {'work':<28}" + "".join(f"{column:>18}" for column in COLUMNS) + "   gCO2e/kWh"]
    for zone in PROFILES:
        for name, means in simulate(zone).items():
            cells = (f"{mean:>10.1f} {mean / means[0] - 1:>+7.1%}" for mean in means)
            lines.append(f"{zone:<5} {name:<28}" + "".join(cells))
    lines += [
        "",
        f"A made-up year, with the mean, the spread and the daily shape of {YEAR} ({SOURCE_2020}).",
        f"Assumed: seasons of ±{SEASON:.0%}, weather that lasts for days, forecasts that are {FORECAST_ERROR:.0%} off.",
        "By forecast: what a live provider allows. By profile: what the averages alone allow, without asking anybody.",
        "A fixed hour is only as good as the averages: 02:00 was dirtier than 18:00 the day before on "
        + ", ".join(f"{dirtier_nights(zone):.0%} of nights in {zone}" for zone in PROFILES)
        + ".",
    ]
    return "\n".join(lines)


def dirtier_nights(zone: str) -> float:
    """Return the share of nights of the same year whose hour from 02:00 is dirtier than that from 18:00 before it."""
    clock = ZoneInfo(PROFILES[zone].time_zone)
    truth = _year(zone, random.Random(f"{SEED} {zone}"))  # noqa: S311 - as above
    evenings = [datetime.combine(date(YEAR, 1, 1) + timedelta(days=day), EVENING, clock) for day in range(DAYS)]
    return fmean(
        (truth.mean(_next_two_o_clock(evening), HOUR) or 0) > (truth.mean(evening.astimezone(UTC), HOUR) or 0)
        for evening in evenings
    )


def _year(zone: str, chance: random.Random) -> Forecast:
    """Return a year of hours, and two days, with the mean, the spread and the daily shape of the zone's profile."""
    profile = PROFILES[zone]
    clock = ZoneInfo(profile.time_zone)
    begin = datetime(YEAR, 1, 1, tzinfo=UTC)
    shape = fmean((factor - 1) ** 2 for factor in profile.factors) + SEASON**2 / 2
    sigma = math.sqrt(math.log1p(max(profile.spread**2 - shape, 0)))
    weather, points = chance.gauss(0, 1), []
    for number in range((DAYS + 2) * HOURS):
        at = begin + number * HOUR
        season = 1 + SEASON * math.cos(2 * math.pi * (number / 24 - 15) / 366)
        daily = profile.factors[at.astimezone(clock).hour]
        # Log-normal, so that it is never below zero; its mean is 1.
        grams = profile.mean * season * daily * math.exp(sigma * weather - sigma**2 / 2)
        points.append(Point(at, at + HOUR, grams))
        weather = WEATHER_LASTS * weather + math.sqrt(1 - WEATHER_LASTS**2) * chance.gauss(0, 1)
    return Forecast.of(points, zone=zone, source="simulation", signal="average")


def _means(habit: Habit, clock: ZoneInfo, truth: Forecast, expected: Forecast) -> tuple[float, ...]:
    """Return the mean of all runs for each of COLUMNS."""
    runs = []
    for day in range(DAYS):
        asked = datetime.combine(date(YEAR, 1, 1) + timedelta(days=day), habit.asked, clock)
        if not habit.monthly or asked.day == 1:
            now = asked.astimezone(UTC)
            finish_by = now + habit.finish_within
            averages = profile_forecast(truth.zone, now, finish_by) or truth
            starts = (
                now,
                _next_two_o_clock(asked),
                choose_start(now, habit.duration, finish_by, averages).start,
                choose_start(now, habit.duration, finish_by, _ahead(expected, now)).start,
            )
            runs.append([truth.mean(start, habit.duration) or 0 for start in starts])
    return tuple(fmean(column) for column in zip(*runs, strict=True))


def _next_two_o_clock(asked: datetime) -> datetime:
    day = asked.date() + timedelta(days=asked.time() >= NIGHT)
    return datetime.combine(day, NIGHT, asked.tzinfo).astimezone(UTC)


def _ahead(expected: Forecast, now: datetime) -> Forecast:
    """Return the part of a forecast of the whole year that a provider gives at once: two days."""
    first = int((now - expected.points[0].start) / HOUR)
    return msgspec.structs.replace(expected, points=expected.points[first : first + HOURS_AHEAD])
