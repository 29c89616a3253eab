"""Deferrable work: when it starts, as the grid has it, and a record of every such decision."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import String, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.carbon import Decision, Forecast, choose_start
from app.kit.carbon.grid import Grid, Rung, new_grid
from app.kit.database import AnyRow, Key, Read, UtcDateTime, Write
from app.kit.settings import Settings
from app.kit.tables import Base


class CarbonDecision(Base):
    """When a job was told to start, why, and what the alternative was. Intensities are gCO2e/kWh, means of its run."""

    __tablename__ = "kit_carbon_decision"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    job: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    start_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finish_by: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float]
    """How long it was expected to take."""
    rung: Mapped[str] = mapped_column(String(10))
    """Where the figures are from: `live`, `cached`, `profile`, or `now` where there were none."""
    zone: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(100))
    signal: Mapped[str] = mapped_column(String(10))
    planned: Mapped[float | None]
    at_once: Mapped[float | None]
    """Had it started when it was decided."""


LATEST = select(CarbonDecision.__table__).order_by(CarbonDecision.id.desc()).limit(bindparam("limit"))
# Never one mean for both signals. A run without figures says nothing about a saving.
MEANS = (
    select(
        CarbonDecision.signal,
        func.count().label("decisions"),
        func.avg(CarbonDecision.planned).label("planned"),
        func.avg(CarbonDecision.at_once).label("at_once"),
    )
    .where(CarbonDecision.planned.is_not(None), CarbonDecision.at_once.is_not(None))
    .group_by(CarbonDecision.signal)
    .order_by(CarbonDecision.signal)
)


class Deferral:
    """Tells deferrable jobs when to start."""

    def __init__(self, grid: Grid, write: Write, *, on: bool) -> None:
        """Take where forecasts are from, where decisions are kept, and whether anything is put off at all."""
        self._grid = grid
        self._write = write
        self._on = on

    async def start_for(self, name: str, duration: timedelta, finish_by: datetime, now: datetime) -> datetime:
        """Return when the job `name` of `duration` is to start, UTC, and keep why.

        That is the cleanest time from `now` on from which it is done by `finish_by`, or `now` where nobody knows of
        a better one. Not to be called inside of a unit of work: it asks the grid, and is one itself.
        """
        now = now.astimezone(UTC)
        if not self._on:
            return now
        rung, forecast, decision = await self._decide(duration, finish_by, now)
        row = CarbonDecision(
            job=name,
            decided_at=now,
            start_at=decision.start,
            finish_by=finish_by,
            seconds=duration.total_seconds(),
            rung=rung,
            zone=forecast.zone if forecast else "",
            source=forecast.source if forecast else "",
            signal=forecast.signal if forecast else "",
            planned=decision.planned,
            at_once=decision.at_once,
        )
        await self._write(_keep, row)
        return decision.start

    async def close(self) -> None:
        """Close every connection to the grid's provider."""
        await self._grid.close()

    async def _decide(
        self, duration: timedelta, finish_by: datetime, now: datetime
    ) -> tuple[Rung, Forecast | None, Decision]:
        if now + duration < finish_by:  # else there is nothing to choose, and nothing to ask
            for rung, forecast in await self._grid.forecasts(now, finish_by):
                decision = choose_start(now, duration, finish_by, forecast)
                if decision.planned is not None:
                    return rung, forecast, decision
        return "now", None, Decision(now)


def new_deferral(settings: Settings, write: Write) -> Deferral:
    """Return what tells jobs when to start, as `settings` have it, and keeps its decisions by `write`."""
    return Deferral(new_grid(settings), write, on="deferrable" not in settings.practices_off)


async def latest_decisions(read: Read, limit: int) -> Sequence[AnyRow]:
    """Return the `limit` latest decisions, the last one first: one query."""
    return await read.all(LATEST, {"limit": limit})


async def mean_intensities(read: Read) -> Sequence[AnyRow]:
    """Return for each signal how many decisions there are, and their means, planned and at once: one query."""
    return await read.all(MEANS)


async def _keep(session: AsyncSession, row: CarbonDecision) -> None:
    session.add(row)
