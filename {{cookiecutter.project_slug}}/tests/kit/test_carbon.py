"""When deferrable work starts: never too late, and at no dirtier time than it must."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.carbon import BadForecast, Decision, Forecast, Point, choose_start
from app.kit.carbon.profile import PROFILES, profile_forecast
from app.kit.carbon.simulation import HABITS, dirtier_nights, simulate

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# How long each figure holds, how long nothing is known after it, and the figure.
STRETCHES = st.lists(
    st.tuples(st.integers(5, 90), st.sampled_from([0, 0, 0, 20]), st.integers(1, 600)), min_size=1, max_size=12
)


def forecast(*grams: float, step: timedelta = HOUR, begin: datetime = NOW) -> Forecast:
    """Return a forecast of one figure after the other."""
    points = [Point(begin + number * step, begin + (number + 1) * step, each) for number, each in enumerate(grams)]
    return Forecast.of(points, zone="GB", source="a test", signal="average")


def with_gaps(stretches: list[tuple[int, int, int]], offset: int) -> Forecast:
    """Return a forecast that begins `offset` minutes from now."""
    points, at = [], NOW + offset * MINUTE
    for lasts, gap, grams in stretches:
        points.append(Point(at, at + lasts * MINUTE, float(grams)))
        at += (lasts + gap) * MINUTE
    return Forecast.of(reversed(points), zone="GB", source="a test", signal="average")


@given(STRETCHES, st.integers(-120, 60), st.integers(1, 200), st.integers(-60, 1000))
def test_no_other_start_is_cleaner_and_none_is_too_late(
    stretches: list[tuple[int, int, int]], offset: int, minutes: int, within: int
) -> None:
    forecast = with_gaps(stretches, offset)
    duration, finish_by = minutes * MINUTE, NOW + within * MINUTE
    decision = choose_start(NOW, duration, finish_by, forecast)
    assert decision.start == NOW or NOW < decision.start <= finish_by - duration
    assert decision.planned == forecast.mean(decision.start, duration)
    assert decision.at_once == forecast.mean(NOW, duration)
    every_minute = (forecast.mean(NOW + minute * MINUTE, duration) for minute in range(within - minutes + 1))
    possible = [mean for mean in every_minute if mean is not None]
    assert decision.planned == min(possible, default=decision.at_once)


@given(STRETCHES, st.integers(1, 200), st.integers(0, 900), st.lists(st.floats(0, 1), max_size=5))
def test_work_that_is_interrupted_again_and_again_is_still_done_in_time(
    stretches: list[tuple[int, int, int]], minutes: int, spare: int, interruptions: list[float]
) -> None:
    forecast = with_gaps(stretches, 0)
    left, now = minutes * MINUTE, NOW
    finish_by = NOW + left + spare * MINUTE
    for share in interruptions:
        start = choose_start(now, left, finish_by, forecast).start
        now, left = start + share * left, left - share * left  # it kept what it had done
        if left <= timedelta(0):
            break
    else:
        now = choose_start(now, left, finish_by, forecast).start + left
    assert now <= finish_by + timedelta(microseconds=len(interruptions))  # a timedelta knows no less


def test_a_report_starts_in_the_cleanest_slot_that_still_finishes_by_six() -> None:
    grams = [300, 250, 200, 180, 170, 160, 150, 140, 130, 120, 110, 100, 10]
    decision = choose_start(NOW, HOUR, NOW + 12 * HOUR, forecast(*grams))
    assert decision == Decision(NOW + 11 * HOUR, 100, 300)


def test_work_can_start_within_an_hour_where_that_is_cleanest() -> None:
    decision = choose_start(NOW, 2 * HOUR, NOW + 9 * HOUR, forecast(200, 50, 40, 100, 300, 300, 300, 300, 300))
    assert decision.start == NOW + HOUR
    decision = choose_start(
        NOW,
        HOUR / 2,
        NOW + 9 * HOUR,
        forecast(300, 300, 80, 300),
    )
    assert decision.start == NOW + 2 * HOUR


def test_of_equal_times_the_earliest_is_taken() -> None:
    assert choose_start(NOW, HOUR, NOW + 12 * HOUR, forecast(*[123.4] * 24)).start == NOW
    assert (
        choose_start(NOW + 7 * MINUTE, 50 * MINUTE, NOW + 12 * HOUR, forecast(*[0.1] * 23, 5.0)).start
        == NOW + 7 * MINUTE
    )


def test_where_the_deadline_is_too_near_work_starts_now() -> None:
    for finish_by in (NOW + HOUR, NOW + HOUR / 2, NOW - HOUR):
        assert choose_start(NOW, HOUR, finish_by, forecast(300, 1, 1)).start == NOW


@pytest.mark.parametrize("clock", [LONDON, BERLIN])
@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 10, 24)])
def test_a_night_on_which_the_clocks_change_is_as_long_as_it_is(clock: ZoneInfo, day: tuple[int, int, int]) -> None:
    evening = datetime(*day, 22, tzinfo=clock)
    morning = datetime(*day, 6, tzinfo=clock) + timedelta(days=1)
    begin = evening.astimezone(UTC)
    hours = round((morning.astimezone(UTC) - begin) / HOUR)
    assert hours in {7, 9}
    decision = choose_start(evening, HOUR, morning, forecast(*range(20, 0, -1), begin=begin))
    assert decision.start == morning.astimezone(UTC) - HOUR
    assert decision.start.tzinfo is UTC


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point(NOW, NOW, 100)],
        [Point(NOW, NOW + HOUR, 100), Point(NOW + HOUR / 2, NOW + 2 * HOUR, 100)],
        [Point(NOW, NOW + HOUR, -1)],
        [Point(NOW, NOW + HOUR, float("nan"))],
        [Point(NOW, NOW + HOUR, 180_000)],
        [Point(NOW, NOW + HOUR, 0.18), Point(NOW + HOUR, NOW + 2 * HOUR, 0.2)],
    ],
    ids=["empty", "no time", "overlapping", "below zero", "no number", "g/MWh", "kg/kWh"],
)
def test_what_can_be_no_forecast_in_grams_a_kilowatt_hour_is_refused(points: list[Point]) -> None:
    with pytest.raises(BadForecast):
        Forecast.of(points, zone="GB", source="a test", signal="average")


@pytest.mark.parametrize("zone", PROFILES)
def test_a_profile_has_24_factors_with_a_mean_of_one_and_says_where_they_are_from(zone: str) -> None:
    profile = PROFILES[zone]
    assert len(profile.factors) == 24
    assert sum(profile.factors) == pytest.approx(24)
    assert str(profile.year) in profile.source


@pytest.mark.parametrize("zone", PROFILES)
@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 7, 1), (2026, 10, 24)])
def test_a_profile_goes_by_the_clocks_of_its_zone_without_gap_or_overlap(zone: str, day: tuple[int, int, int]) -> None:
    start = datetime(*day, 20, 15, tzinfo=UTC)
    forecast = profile_forecast(zone, start, start + 12 * HOUR)
    assert forecast is not None
    assert all(before.end == after.start for before, after in pairwise(forecast.points))
    assert forecast.mean(start, 12 * HOUR) is not None
    clock = ZoneInfo(PROFILES[zone].time_zone)
    for point in forecast.points:
        assert point.grams == PROFILES[zone].mean * PROFILES[zone].factors[point.start.astimezone(clock).hour]


def test_nothing_is_put_off_where_nothing_is_known() -> None:
    assert profile_forecast("ZZ", NOW, NOW + HOUR) is None


def test_the_night_is_chosen_in_great_britain_and_noon_in_germany() -> None:
    for zone, hours in (("GB", range(5)), ("DE", range(10, 15)), ("FR", range(5))):
        forecast = profile_forecast(zone, NOW, NOW + 24 * HOUR)
        assert forecast is not None
        start = choose_start(NOW, 2 * HOUR, NOW + 24 * HOUR, forecast).start
        assert start.astimezone(ZoneInfo(PROFILES[zone].time_zone)).hour in hours


@pytest.mark.parametrize("zone", PROFILES)
def test_over_a_year_a_forecast_beats_every_fixed_hour_and_no_fixed_hour_is_always_clean(zone: str) -> None:
    for at_once, at_two, _, by_forecast in simulate(zone).values():
        assert by_forecast < min(at_once, at_two)
    assert len(simulate(zone)) == len(HABITS)
    assert simulate(zone) == simulate(zone)
    assert dirtier_nights(zone) > 0.05
