"""What `poe carbon` shows: the decisions, and the forecast with the chosen slots, as text and as a picture."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

import msgspec

from app.kit.carbon import Forecast
from app.kit.carbon.grid import Rung
from app.kit.database import AnyRow

BAR = 50
SVG_WIDTH, SVG_HEIGHT, SVG_EDGE = 900, 340, 50
LABEL_ROWS, LABEL_HEIGHT = 3, 15
PLOT_HEIGHT = SVG_HEIGHT - 2 * SVG_EDGE - LABEL_ROWS * LABEL_HEIGHT
TICK = timedelta(hours=6)
DIM, CHOSEN = "#9fb8ad", "#0b6e4f"


class Slot(msgspec.Struct, frozen=True):
    """When a job runs, as it was decided."""

    job: str
    start: datetime
    end: datetime


def slots_of(decisions: Sequence[AnyRow]) -> list[Slot]:
    """Return the slots that were chosen in `decisions`, of each job the latest one."""
    latest = {row.job: row for row in reversed(decisions)}
    return [Slot(row.job, row.start_at, row.start_at + timedelta(seconds=row.seconds)) for row in latest.values()]


def decisions_table(decisions: Sequence[AnyRow], means: Sequence[AnyRow]) -> str:
    """Return a table of `decisions` and, for each signal, what they saved on average."""
    if not decisions:
        return "No deferrable job has been started yet."
    head = f"{'decided (UTC)':<16}  {'job':<20} {'start (UTC)':<16}  {'finish by':<16}  {'rung':<7} {'zone':<8}"
    lines = [f"{head}  planned  at once  saving  gCO2e/kWh"]
    lines.extend(
        f"{row.decided_at:%Y-%m-%d %H:%M}  {row.job:<20} {row.start_at:%Y-%m-%d %H:%M}  "
        f"{row.finish_by:%Y-%m-%d %H:%M}  {row.rung:<7} {row.zone:<8} "
        f"{_grams(row.planned):>8} {_grams(row.at_once):>8} {_saving(row.planned, row.at_once):>7}"
        for row in decisions
    )
    lines.extend(
        f"\n{mean.decisions} decisions on {mean.signal} figures: {mean.planned:.1f} gCO2e/kWh on average, "
        f"{mean.at_once:.1f} had they run at once ({_saving(mean.planned, mean.at_once)})"
        for mean in means
    )
    return "\n".join(lines)


def plot(rung: Rung, forecast: Forecast, slots: Sequence[Slot]) -> str:
    """Return a bar for each point of `forecast`, those of `slots` in another character and named."""
    most = max(point.grams for point in forecast.points)
    lines = [f"{_heading(rung, forecast)}; UTC, gCO2e/kWh, # when a job runs"]
    for point in forecast.points:
        here = [slot.job for slot in slots if slot.start < point.end and slot.end > point.start]
        bar = ("#" if here else "-") * max(round(BAR * point.grams / (most or 1)), 1)
        lines.append(f"{point.start:%a %H:%M} {point.grams:>7.1f} {bar} {', '.join(here)}".rstrip())
    return "\n".join(lines)


def svg(rung: Rung, forecast: Forecast, slots: Sequence[Slot]) -> str:
    """Return the same as a picture that stands alone."""
    begin, end = forecast.points[0].start, forecast.points[-1].end
    most = max(point.grams for point in forecast.points) or 1

    def across(moment: datetime) -> float:
        share = (moment - begin) / (end - begin)
        return SVG_EDGE + (SVG_WIDTH - 2 * SVG_EDGE) * min(max(share, 0), 1)

    def up(grams: float) -> float:
        return SVG_HEIGHT - SVG_EDGE - PLOT_HEIGHT * grams / most

    def bar(start: datetime, end: datetime, grams: float, colour: str) -> str:
        left, top = across(start), up(grams)
        width, height = across(end) - left, SVG_HEIGHT - SVG_EDGE - top
        return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'

    parts = [text(SVG_EDGE, 20, f"{_heading(rung, forecast)}; gCO2e/kWh, UTC", 'font-weight="bold"')]
    parts += [bar(point.start, point.end, point.grams, DIM) for point in forecast.points]
    for grams in (0, most / 2, most):
        parts.append(text(SVG_EDGE - 6, up(grams) + 4, f"{grams:.0f}", 'text-anchor="end"'))
        parts.append(f'<path d="M{SVG_EDGE} {up(grams):.1f}H{SVG_WIDTH - SVG_EDGE}" stroke="#0002"/>')
    tick = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    while (tick := tick + TICK) < end:
        if tick >= begin:
            parts.append(text(across(tick), SVG_HEIGHT - SVG_EDGE + 18, f"{tick:%a %H:%M}", 'text-anchor="middle"'))
    for number, slot in enumerate(slot for slot in slots if slot.start < end and slot.end > begin):
        parts += [
            bar(max(slot.start, point.start), min(slot.end, point.end), point.grams, CHOSEN)
            for point in forecast.points
            if slot.start < point.end and slot.end > point.start
        ]
        parts.append(
            text(across(slot.start), 42 + LABEL_HEIGHT * (number % LABEL_ROWS), f"▾ {slot.job}", f'fill="{CHOSEN}"')
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SVG_WIDTH} {SVG_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}'
        "</svg>\n"
    )


def _heading(rung: Rung, forecast: Forecast) -> str:
    return f"{forecast.zone}: {forecast.source} ({rung}, {forecast.signal} signal)"


def _grams(grams: float | None) -> str:
    return "unknown" if grams is None else f"{grams:.1f}"


def _saving(planned: float | None, at_once: float | None) -> str:
    return "" if planned is None or not at_once else f"{1 - planned / at_once:.0%}"
