"""Charts as inline SVG, coloured by the page's style sheet: light or dark is the reader's choice."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 24
TICKS = 6
WHOLE = 100


class Series(NamedTuple):
    """A line of a chart: what it shows, and its points in time, where a gap is None."""

    name: str
    points: Sequence[tuple[float, float | None]]


def chart(title: str, unit: str, series: Sequence[Series], seconds: float) -> str:
    """Return a figure of lines over `seconds`; the first one is filled."""
    known = [value for line in series for _, value in line.points if value is not None]
    top = nice(max(known, default=0))

    def across(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(at / seconds, 1)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = []
    for share in (0, 0.5, 1):
        y = up(top * share)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="end" x="{LEFT - 6}" y="{y + 4:.1f}">{short(top * share)}</text>')
    step = nice(seconds / TICKS)
    parts += [
        f'<text class="middle" x="{across(number * step):.1f}" y="{HEIGHT - 6}">{short(number * step)} s</text>'
        for number in range(int(seconds / step) + 1)
    ]
    for number, line in enumerate(series, start=1):
        shown = [(across(at), up(value), at, value) for at, value in line.points if value is not None]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in shown)
        if number == 1 and shown:
            parts.append(f'<path class="area s1" d="M{shown[0][0]:.1f} {up(0):.1f}L{path}V{up(0):.1f}Z"/>')
        parts.append(f'<path class="line s{number}" d="M{path}"/>' if path else "")
        parts += [
            f'<circle class="s{number}" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(line.name)} at {at:.0f} s: '
            f"{short(value)} {unit}</title></circle>"
            for x, y, at, value in shown
        ]
    keys = "".join(
        f'<span class="key s{number}">{escape(line.name)}</span>' for number, line in enumerate(series, start=1)
    )
    caption = f"<b>{escape(title)}</b> <small>{unit}</small>{keys if len(series) > 1 else ''}"
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def span(low: float, middle: float, high: float, most: float) -> str:
    """Return a small bar from `low` over `middle` to `high` on a scale that ends at `most`, by square roots."""
    a, b, c = (100 * math.sqrt(value / most) if most else 0 for value in (low, middle, high))
    return (
        '<svg class="span" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="faint" x="{a:.1f}" y="3" width="{max(c - a, 0.5):.1f}" height="4"/>'
        f'<rect class="s1" x="{a:.1f}" y="2" width="{max(b - a, 0.5):.1f}" height="6"/></svg>'
    )


def shares(parts: Sequence[tuple[str, float, str]]) -> str:
    """Return a bar that is divided as `parts` are: names, sizes, and classes that colour them."""
    whole = sum(value for _, value, _ in parts) or 1
    bars, x = [], 0.0
    for name, value, colour in parts:
        width = 1000 * value / whole
        bars.append(
            f'<rect class="{colour}" x="{x:.1f}" y="0" width="{max(width - 2, 0.5):.1f}" height="28">'
            f"<title>{escape(name)}: {value / whole:.1%}</title></rect>"
        )
        x += width
    return (
        f'<svg class="shares" viewBox="0 0 1000 28" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    )


def nice(value: float) -> float:
    """Return the next round number from `value` up; 1 for nothing."""
    if value <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def short(value: float) -> str:
    """Return a number as people read it: three figures, and no more after the point than it needs."""
    if abs(value) >= WHOLE or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
