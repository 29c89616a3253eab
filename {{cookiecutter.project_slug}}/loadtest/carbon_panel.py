"""The carbon panel of the report: what was used, by what, and what the model assumes."""

from html import escape

from loadtest.charts import shares, short
from loadtest.result import Result
from loadtest.sci import IDLE, MADE, PER_REQUESTS, RANGE, REST, Footprint, Model, Row

COLOURS = 7
OTHERS = {REST: "c7", IDLE: "c8", MADE: "c9"}
MILLIGRAMS = 1000
WATT_HOURS = 1000


def carbon_panel(result: Result, model: Model) -> str:
    """Return the panel of a result with a footprint."""
    footprint = result.footprint
    if footprint is None:
        return ""
    milligrams = footprint.per_thousand * MILLIGRAMS
    low, high = (short(milligrams * share) for share in RANGE)
    measured = ""
    if result.measured_kwh is not None:
        measured = (
            f"<p>This machine's meter (RAPL, all that runs on it): {short(result.measured_kwh * WATT_HOURS)} Wh; "
            f"the model: {short(footprint.kwh * WATT_HOURS)} Wh.</p>"
        )
    bar = shares([(row.name, row.grams, _colour(row, number)) for number, row in enumerate(footprint.rows)])
    run = f"{short(footprint.grams * MILLIGRAMS)} mg and {short(footprint.kwh * WATT_HOURS)} Wh"
    return (
        '<h2>Carbon <span class="tag">modelled, not measured</span></h2><div class="card pad">'
        f'<p><span class="big">{short(milligrams)} mgCO₂e</span> per {PER_REQUESTS:,} requests '
        f'<span class="dim">between {low} and {high}; the run came to {run}, at {short(footprint.intensity)} '
        f"gCO₂e/kWh</span></p>{measured}{bar}{_rows(footprint)}</div>{_coefficients(model)}"
    )


def _colour(row: Row, number: int) -> str:
    return OTHERS.get(row.name) or f"c{number % COLOURS}"


def _rows(footprint: Footprint) -> str:
    rows = "".join(
        f'<tr><td><span class="dot {_colour(row, number)}"></span>{escape(row.name)}</td>'
        f"<td>{short(row.kwh * WATT_HOURS * 1000)}</td><td>{short(row.grams * MILLIGRAMS)}</td>"
        f"<td>{row.grams / (footprint.grams or 1):.1%}</td></tr>"
        for number, row in enumerate(footprint.rows)
    )
    total = (
        f"<tr><td>all</td><td>{short(footprint.kwh * WATT_HOURS * 1000)}</td><td>{short(footprint.grams * MILLIGRAMS)}"
    )
    return (
        "<table><thead><tr><th>of the run</th><th>mWh</th><th>mgCO₂e</th><th>share</th></tr></thead>"
        f"<tbody>{rows}</tbody><tfoot>{total}</td><td>100%</td></tr></tfoot></table>"
    )


def _coefficients(model: Model) -> str:
    rows = "".join(
        f"<tr><td><code>{name}</code></td><td>{one.value:g}</td><td class=left>{escape(one.unit)}</td>"
        f"<td class=left>{escape(one.source)}</td><td>{one.year}</td></tr>"
        for name, one in model.coefficients.items()
    )
    return (
        "<details><summary>What the model assumes: SCI = (E · I + M) / R, of "
        '<code>loadtest/coefficients.toml</code></summary><div class="card"><table><thead><tr><th>coefficient</th>'
        "<th>value</th><th class=left>unit</th><th class=left>source</th><th>year</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )
