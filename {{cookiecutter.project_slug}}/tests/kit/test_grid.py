"""Forecasts from providers that are well, slow, wrong or dead, played by a stand-in; and what is decided from them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.kit import logs
from app.kit.carbon import Forecast, Point
from app.kit.carbon import grid as grid_module
from app.kit.carbon.deferral import Deferral, latest_decisions, mean_intensities, new_deferral
from app.kit.carbon.grid import FRESH, OLDEST, Grid, new_grid
from app.kit.database import Database
from app.kit.settings import Settings, SettingsError
from tests.conftest import make_settings
from tests.standin import StandIn, standing_in

NOW = datetime(2026, 11, 23, 18, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MORNING = NOW + 12 * HOUR
# The cleanest hour within reach is the one from 02:00.
HOURLY = [300, 290, 280, 270, 260, 250, 240, 230, 90, 230, 240, 250, 260, 20]


def at(number: float, form: str = "%Y-%m-%dT%H:%MZ") -> str:
    return (NOW.replace(minute=0) + number * HOUR).strftime(form)


CARBON_INTENSITY = {
    "data": [
        {
            "from": at(number / 2),
            "to": at((number + 1) / 2),
            "intensity": {"forecast": HOURLY[number // 2], "actual": None, "index": "moderate"},
        }
        for number in range(28)
    ]
}
ELECTRICITY_MAPS: dict[str, Any] = {
    "zone": "DE",
    "forecast": [
        {"carbonIntensity": grams, "datetime": at(number, "%Y-%m-%dT%H:%M:00.000Z")}
        for number, grams in enumerate(HOURLY)
    ],
    "updatedAt": at(0, "%Y-%m-%dT%H:%M:00.000Z"),
}
CARBON_AWARE_SDK = [
    {
        "generatedAt": at(0, "%Y-%m-%dT%H:%M:00+00:00"),
        "location": "westeurope",
        "windowSize": 60,
        "optimalDataPoints": [],
        "forecastData": [
            {
                "location": "westeurope",
                "timestamp": at(number, "%Y-%m-%dT%H:%M:00+00:00"),
                "duration": 60,
                "value": grams,
            }
            for number, grams in enumerate(HOURLY)
        ],
    }
]
NO_YEAR = "9999-12-31T23:59:00-05:00"  # there is none for it in UTC
WATT_TIME = {
    "data": [{"point_time": at(number), "value": 1000.0} for number in range(3)],
    "meta": {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh"},
}
PROVIDERS: dict[str, tuple[dict[str, str], Any]] = {
    "carbon_intensity": ({"GRID_ZONE": "GB"}, CARBON_INTENSITY),
    "electricity_maps": ({"GRID_ZONE": "DE", "GRID_TOKEN": "secret"}, ELECTRICITY_MAPS),
    "carbon_aware_sdk": ({"GRID_ZONE": "westeurope"}, CARBON_AWARE_SDK),
}


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """Yield a stand-in for a provider's API."""
    async with standing_in() as standin:
        yield standin


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Yield a database that keeps decisions."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def deferral(standin: StandIn, database: Database) -> AsyncIterator[Deferral]:
    """Yield what tells jobs when to start, by Great Britain's forecast, which is well."""
    standin.be_well(CARBON_INTENSITY)
    deferral = new_deferral(settings_of(standin, "carbon_intensity"), database.write)
    yield deferral
    await deferral.close()


def settings_of(standin: StandIn, provider: str, **more: str) -> Settings:
    return make_settings(GRID_PROVIDER=provider, GRID_URL=standin.url, **PROVIDERS[provider][0], **more)


def grid_of(standin: StandIn, provider: str) -> Grid:
    return new_grid(settings_of(standin, provider))


async def only(database: Database) -> Any:
    [row] = await latest_decisions(database.read, 10)
    return row


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_provider_s_forecast_is_understood(standin: StandIn, provider: str) -> None:
    standin.be_well(PROVIDERS[provider][1])
    grid = grid_of(standin, provider)
    forecasts = await grid.forecasts(NOW, MORNING)
    await grid.close()
    assert forecasts[0][0] == "live"
    forecast = forecasts[0][1]
    assert [forecast.mean(NOW.replace(minute=0) + number * HOUR, HOUR) for number in range(14)] == HOURLY
    assert forecast.signal == "average"
    [request] = standin.requests
    assert (
        request.path_qs
        == {
            "carbon_intensity": "/intensity/2026-11-23T18:10Z/fw48h",
            "electricity_maps": "/carbon-intensity/forecast?zone=DE",
            "carbon_aware_sdk": "/emissions/forecasts/current?location=westeurope",
        }[provider]
    )
    assert request.headers.get("auth-token") == ("secret" if provider == "electricity_maps" else None)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        {"data": [], "zone": "DE", "forecast": []},
        WATT_TIME,
        [{"forecastData": []}],
        CARBON_INTENSITY | ELECTRICITY_MAPS | {"unit": "lb/MWh"},
        CARBON_INTENSITY | ELECTRICITY_MAPS | {"unit": "kgCO2e/kWh"},
        [CARBON_AWARE_SDK[0] | {"unit": "lb/MWh"}],
        {
            "data": [{"from": "yesterday", "to": at(1), "intensity": {"forecast": 100}}],
            "zone": "DE",
            "forecast": [{"carbonIntensity": 100, "datetime": "2026-11-23T18:00"}],
        },
        {"data": [], "zone": "FR", "forecast": ELECTRICITY_MAPS["forecast"]},
        {
            "data": [{"from": NO_YEAR, "to": NO_YEAR, "intensity": {"forecast": 100}}],
            "zone": "DE",
            "forecast": [{"carbonIntensity": 100, "datetime": NO_YEAR}],
        },
        [{"forecastData": [{"timestamp": NO_YEAR, "duration": 60, "value": 100}]}],
    ],
    ids=[
        *("a list", "nothing", "null", "empty", "marginal pounds", "empty list"),
        *("pounds", "kilograms", "pounds in a list", "no times", "another zone", "no year"),
        "no year in a list",
    ],
)
async def test_what_is_no_forecast_in_grams_a_kilowatt_hour_is_not_used(
    standin: StandIn, provider: str, answer: object
) -> None:
    standin.be_well(answer)
    grid = grid_of(standin, provider)
    logs.configure("info")
    with capture_logs() as lines:
        forecasts = await grid.forecasts(NOW, MORNING)
    await grid.close()
    assert [rung for rung, _ in forecasts] == ([] if provider == "carbon_aware_sdk" else ["profile"])
    assert [line["event"] for line in lines] == ["no grid forecast"]


async def test_an_hour_that_is_missing_is_not_filled_with_its_neighbour(standin: StandIn) -> None:
    hours: list[dict[str, Any]] = ELECTRICITY_MAPS["forecast"]
    standin.be_well(ELECTRICITY_MAPS | {"forecast": [*hours[:3], *hours[4:8], {**hours[8], "carbonIntensity": None}]})
    grid = grid_of(standin, "electricity_maps")
    forecast = (await grid.forecasts(NOW, MORNING))[0][1]
    await grid.close()
    known = [forecast.mean(NOW.replace(minute=0) + number * HOUR, HOUR) is not None for number in range(9)]
    assert known == [True] * 3 + [False] + [True] * 4 + [False]


async def test_a_job_starts_at_the_cleanest_time_and_the_decision_is_kept(
    deferral: Deferral, database: Database
) -> None:
    start = await deferral.start_for("report", HOUR, MORNING, NOW)
    assert start == NOW.replace(hour=2, minute=0) + timedelta(days=1)
    row = await only(database)
    assert (row.job, row.decided_at, row.start_at, row.finish_by) == ("report", NOW, start, MORNING)
    assert (row.rung, row.zone, row.source, row.signal) == ("live", "GB", "carbon_intensity", "average")
    assert (row.seconds, row.planned) == (3600, 90)
    assert row.at_once == pytest.approx(300 - 10 / 6, abs=0.001)


async def test_one_fetch_serves_all_jobs(deferral: Deferral, standin: StandIn) -> None:
    jobs = [deferral.start_for(f"job {number}", HOUR, MORNING, NOW) for number in range(20)]
    assert len(set(await asyncio.gather(*jobs))) == 1
    await deferral.start_for("later", HOUR, MORNING, NOW + FRESH - timedelta(seconds=1))
    assert standin.calls == 1
    await deferral.start_for("later still", HOUR, MORNING, NOW + FRESH)
    assert standin.calls == 2


async def test_a_job_that_gives_up_waiting_takes_the_forecast_from_nobody(deferral: Deferral, standin: StandIn) -> None:
    standin.be_slow()
    jobs = [asyncio.create_task(deferral.start_for("report", HOUR, MORNING, NOW)) for _ in range(3)]
    async with asyncio.timeout(5):
        while not standin.calls:  # noqa: ASYNC110 - what is waited for happens in a server
            await asyncio.sleep(0.005)
    jobs[0].cancel()
    await asyncio.wait(jobs[:1])
    standin.be_well(CARBON_INTENSITY)
    starts = await asyncio.gather(*jobs[1:])
    assert all(start > NOW for start in starts)
    assert standin.calls == 1


@pytest.mark.parametrize("way", ["be_slow", "be_wrong", "be_dead"])
async def test_the_ladder_goes_from_live_to_cached_to_the_averages_of_a_year(
    deferral: Deferral, database: Database, standin: StandIn, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_module, "FETCH_SECONDS", 0.3)
    await deferral.start_for("report", HOUR, MORNING, NOW)
    getattr(standin, way)()
    for later in (FRESH, OLDEST - timedelta(minutes=1), OLDEST):
        start = await deferral.start_for("report", HOUR, MORNING, NOW + later)
        assert NOW + later <= start <= MORNING - HOUR
    rungs = [row.rung for row in await latest_decisions(database.read, 10)]
    assert rungs == ["profile", "cached", "cached", "live"]


async def test_where_nothing_is_known_the_job_starts_now_and_says_so(standin: StandIn, database: Database) -> None:
    standin.be_wrong(500)
    grid = grid_of(standin, "carbon_aware_sdk")
    deferral = Deferral(grid, database.write, on=True)
    assert await deferral.start_for("report", HOUR, MORNING, NOW) == NOW
    await grid.close()
    row = await only(database)
    assert (row.rung, row.zone, row.planned, row.at_once) == ("now", "", None, None)
    assert await mean_intensities(database.read) == []


async def test_a_forecast_that_ends_too_early_is_not_trusted_with_the_rest(
    deferral: Deferral, database: Database, standin: StandIn
) -> None:
    standin.be_well({"data": CARBON_INTENSITY["data"][:1]})
    await deferral.start_for("report", HOUR, MORNING, NOW)
    assert (await only(database)).rung == "profile"


async def test_nobody_is_asked_where_there_is_nothing_to_choose(deferral: Deferral, standin: StandIn) -> None:
    for finish_by in (NOW + HOUR, NOW - HOUR):
        assert await deferral.start_for("report", HOUR, finish_by, NOW) == NOW
    assert standin.calls == 0


async def test_with_the_practice_off_jobs_start_at_once(standin: StandIn, database: Database) -> None:
    deferral = new_deferral(settings_of(standin, "carbon_intensity", PRACTICES_OFF="deferrable"), database.write)
    assert await deferral.start_for("report", HOUR, MORNING, NOW) == NOW
    assert standin.calls == 0
    assert await latest_decisions(database.read, 10) == []


class Marginal:
    """A provider of the other signal."""

    async def forecast(self, now: datetime) -> Forecast:
        """Return an hour of it."""
        points = [Point(now, now + 12 * HOUR, 500), Point(now + 12 * HOUR, now + 24 * HOUR, 400)]
        return Forecast.of(points, zone="GB", source="a test", signal="marginal")

    async def close(self) -> None:
        """Have nothing to close."""


async def test_average_and_marginal_figures_are_never_mixed(database: Database) -> None:
    average, marginal = Grid(Marginal(), "GB", "average"), Grid(Marginal(), "GB", "marginal")
    assert [(rung, it.signal) for rung, it in await average.forecasts(NOW, MORNING)] == [("profile", "average")]
    assert [(rung, it.signal) for rung, it in await marginal.forecasts(NOW, MORNING)] == [("live", "marginal")]
    for grid in (average, marginal):
        await Deferral(grid, database.write, on=True).start_for("report", HOUR, NOW + 24 * HOUR, NOW)
    means = await mean_intensities(database.read)
    assert [(mean.signal, mean.decisions) for mean in means] == [("average", 1), ("marginal", 1)]


@pytest.mark.parametrize(
    "settings",
    [
        {"GRID_PROVIDER": "watttime"},
        {"GRID_PROVIDER": "carbon_intensity"},
        {"GRID_PROVIDER": "carbon_intensity", "GRID_ZONE": "DE"},
        {"GRID_PROVIDER": "electricity_maps", "GRID_ZONE": "DE"},
        {"GRID_PROVIDER": "carbon_aware_sdk", "GRID_ZONE": "westeurope"},
        {"GRID_PROVIDER": "carbon_intensity", "GRID_ZONE": "GB", "GRID_SIGNAL": "marginal"},
        {"GRID_SIGNAL": "marginal"},
        {"GRID_URL": "ftp://example.org"},
        {"GRID_URL": "http://example.org:port"},
        {"OPEN_LIBRARY_URL": "openlibrary.org"},
    ],
)
def test_a_grid_that_can_t_be_asked_stops_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=list(settings)[-1] if len(settings) == 1 else "GRID_"):
        make_settings(**settings)
