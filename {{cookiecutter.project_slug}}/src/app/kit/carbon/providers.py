"""Who forecasts the carbon intensity of a grid: three services, each with its own shapes, all of them in gCO2e/kWh."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

import msgspec

from app.kit.carbon import BadForecast, Forecast, Point, Signal
from app.kit.outgoing import System
from app.kit.settings import Settings

UNITS = {"gco2/kwh", "gco2e/kwh", "gco2eq/kwh"}
HOUR = timedelta(hours=1)


class Provider(Protocol):
    """Somebody who forecasts the carbon intensity of a grid, in gCO2e/kWh."""

    async def forecast(self, now: datetime) -> Forecast:
        """Return what is expected from `now` on; raise CallFailed or BadForecast."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class _Client:
    def __init__(self, system: System) -> None:
        self._system = system

    async def close(self) -> None:
        """Close every connection."""
        await self._system.close()


class _Intensity(msgspec.Struct):
    forecast: float | None


class _Period(msgspec.Struct):
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    intensity: _Intensity


class _Periods(msgspec.Struct):
    data: list[_Period]
    unit: str = "gCO2/kWh"


class CarbonIntensity(_Client):
    """The Carbon Intensity API of Great Britain's system operator, v2: 48 hours in half-hours, without a key."""

    async def forecast(self, now: datetime) -> Forecast:
        """Return what is expected from `now` on; raise CallFailed or BadForecast."""
        answer = await self._system.get(f"/intensity/{now.astimezone(UTC):%Y-%m-%dT%H:%MZ}/fw48h", _Periods)
        _check_unit(answer.unit)
        points = (
            Point(_moment(period.start), _moment(period.end), period.intensity.forecast)
            for period in answer.data
            if period.intensity.forecast is not None
        )
        return Forecast.of(points, zone="GB", source="carbon_intensity", signal="average")


class _Hour(msgspec.Struct):
    datetime: str
    grams: float | None = msgspec.field(name="carbonIntensity")


class _Hours(msgspec.Struct):
    zone: str
    forecast: list[_Hour]
    unit: str = "gCO2eq/kWh"


class ElectricityMaps(_Client):
    """The API of Electricity Maps, v3: some days in hours, for most zones of the world, with a token."""

    def __init__(self, system: System, zone: str) -> None:
        super().__init__(system)
        self._zone = zone

    async def forecast(self, now: datetime) -> Forecast:  # noqa: ARG002 - it forecasts from now on anyway
        """Return what is expected from `now` on; raise CallFailed or BadForecast."""
        answer = await self._system.get("/carbon-intensity/forecast", _Hours, {"zone": self._zone})
        _check_unit(answer.unit)
        if answer.zone != self._zone:
            raise BadForecast(f"it is for {answer.zone}, not for {self._zone}")
        known = {_moment(hour.datetime): hour.grams for hour in answer.forecast if hour.grams is not None}
        points = _lasting(sorted(known.items()))
        return Forecast.of(points, zone=self._zone, source="electricity_maps", signal="average")


class _Datum(msgspec.Struct):
    timestamp: str
    value: float | None
    duration: int
    """Minutes."""


class _Outlook(msgspec.Struct):
    data: list[_Datum] = msgspec.field(name="forecastData")
    unit: str = "gCO2/kWh"


class CarbonAwareSdk(_Client):
    """The web API of the Green Software Foundation's Carbon Aware SDK, v1, which passes on what it was set up with."""

    def __init__(self, system: System, location: str, signal: Signal) -> None:
        super().__init__(system)
        self._location = location
        self._signal: Signal = signal

    async def forecast(self, now: datetime) -> Forecast:  # noqa: ARG002 - it refuses bounds outside of what it has
        """Return what is expected from now on; raise CallFailed or BadForecast."""
        place = {"location": self._location}
        answer = await self._system.get("/emissions/forecasts/current", list[_Outlook], place)
        for outlook in answer:
            _check_unit(outlook.unit)
        points = (
            Point(start := _moment(datum.timestamp), start + timedelta(minutes=datum.duration), datum.value)
            for outlook in answer
            for datum in outlook.data
            if datum.value is not None
        )
        return Forecast.of(points, zone=self._location, source="carbon_aware_sdk", signal=self._signal)


def new_provider(settings: Settings) -> Provider | None:
    """Return whom `settings` say to ask; None for nobody."""

    def system(name: str, url: str, **headers: str) -> System:
        return System(name, settings.grid_url or url, off=settings.practices_off, headers=headers)

    match settings.grid_provider:
        case "profile":
            return None
        case "carbon_intensity":
            return CarbonIntensity(system("carbon_intensity", "https://api.carbonintensity.org.uk"))
        case "electricity_maps":
            address = "https://api.electricitymaps.com/v3"
            token = {"auth-token": settings.grid_token}
            return ElectricityMaps(system("electricity_maps", address, **token), settings.grid_zone)
        case "carbon_aware_sdk":
            return CarbonAwareSdk(system("carbon_aware_sdk", ""), settings.grid_zone, settings.grid_signal)


def _check_unit(unit: str) -> None:
    if unit.replace(" ", "").lower() not in UNITS:
        raise BadForecast(f"it is in {unit}, not in gCO2e/kWh")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadForecast(f"{text!r} is no time") from None
    if moment.tzinfo is None:
        raise BadForecast(f"{text!r} is in no time zone")
    return moment.astimezone(UTC)


def _lasting(known: Sequence[tuple[datetime, float]]) -> Iterable[Point]:
    """Return points of the shortest distance between any two: where one is missing, none lasts for longer."""
    step = min((after - before for (before, _), (after, _) in pairwise(known)), default=HOUR)
    return (Point(start, start + step, grams) for start, grams in known)
