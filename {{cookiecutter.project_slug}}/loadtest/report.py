"""The report: one HTML file that needs nothing else, and the same as JSON."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path

import msgspec

from loadtest.carbon_panel import carbon_panel
from loadtest.charts import Series, chart, short, span
from loadtest.gates import Check
from loadtest.result import Operation, Result, Totals
from loadtest.sci import RANGE, Model

STYLE = Path(__file__).with_name("report.css")


def write(folder: Path, result: Result, checks: Sequence[Check], model: Model) -> tuple[Path, Path]:
    """Write `load.html` and `load.json` to `folder`, which is made; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / "load.html", folder / "load.json"
    everything = {"result": result, "checks": checks, "coefficients": model.coefficients}
    data.write_bytes(msgspec.json.format(msgspec.json.encode(everything), indent=2) + b"\n")
    page.write_text(html(result, checks, model), encoding="utf-8")
    return page, data


def html(result: Result, checks: Sequence[Check], model: Model) -> str:
    """Return the page."""
    parts = [
        _header(result, checks),
        _tiles(result),
        f'<div class="charts">{"".join(_charts(result))}</div>',
        _failures(result),
        _budgets(checks),
        _operations(result.operations),
        carbon_panel(result, model) if result.footprint else "",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Load test</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _header(result: Result, checks: Sequence[Check]) -> str:
    breaches = sum(not check.kept for check in checks)
    kind, verdict = (
        ("bad", f"✕ {breaches} of {len(checks)} checks failed")
        if breaches
        else ("good", f"✓ all {len(checks)} checks passed")
    )
    workers = f", {result.workers} processes" if result.workers else ""
    load = f"{result.users} users{workers} for {result.seconds:g} s"
    return (
        f'<header><div><h1>Load test</h1><p class="dim">{result.at:%Y-%m-%d %H:%M} UTC · {load} · '
        f'{escape(result.machine)}</p></div><div class="verdict {kind}">{verdict}</div></header>'
    )


def _tiles(result: Result) -> str:
    requests = result.requests
    slowest = max((operation.p95 for operation in result.operations), default=0)
    tiles = [
        (short(requests / result.seconds), "a second", f"{requests:,} requests"),
        (short(slowest), "ms", "the slowest operation's p95"),
    ]
    if (totals := result.totals) is not None:
        tiles += _of_server(totals)
    if (footprint := result.footprint) is not None:
        milligrams = footprint.per_thousand * 1000
        low, high = (short(milligrams * share) for share in RANGE)
        tiles.append((short(milligrams), "mgCO₂e", f"per 1,000 requests, modelled: {low} to {high}"))
    return (
        f'<div class="tiles">{"".join(f"<div><b>{a} <i>{b}</i></b><span>{c}</span></div>" for a, b, c in tiles)}</div>'
    )


def _of_server(totals: Totals) -> list[tuple[str, str, str]]:
    return [
        (short(totals.cpu_ms), "ms", f"CPU a request; {short(totals.idle_cpu_ms)} ms a second when idle"),
        (f"{totals.memory_bytes / 10**6:.0f}", "MB", "memory at the end"),
        (f"{totals.hits:.0%}", "", "answered from the cache"),
    ]


def _charts(result: Result) -> list[str]:
    seconds = max([result.seconds, *(moment.at for moment in result.moments)])
    history, moments = result.history, result.moments

    def of(name: str, items: Sequence[msgspec.Struct], value: Callable[..., float | None]) -> Series:
        return Series(name, [(getattr(item, "at", 0), value(item)) for item in items])

    charts = [
        chart(
            "Requests",
            "a second",
            [of("all", history, lambda s: s.requests), of("failed", history, lambda s: s.failures)],
            seconds,
        ),
        chart(
            "Latency", "ms", [of("median", history, lambda s: s.median), of("p95", history, lambda s: s.p95)], seconds
        ),
    ]
    if moments:
        hits = of("hits", moments, lambda m: None if m.hits is None else 100 * m.hits)
        charts += [
            chart("CPU", "ms a second, 1,000 is one core", [of("CPU", moments, lambda m: m.cpu)], seconds),
            chart("Memory", "MB", [of("memory", moments, lambda m: m.memory)], seconds),
            chart("Queries", "a second", [of("queries", moments, lambda m: m.queries)], seconds),
            chart("Answered from the cache", "% of requests", [hits], seconds),
        ]
    return charts


def _operations(operations: Sequence[Operation]) -> str:
    most = max((operation.p99 for operation in operations), default=0)
    names = ["operation", "requests", "median to p99", "median", "p95", "p99", "most", "widest body"]
    told = any(operation.spent for operation in operations)
    if told:
        names += ["queries", "calls", "cached", "CPU-ms"]
    rows = []
    for one in operations:
        row = [f"<code>{escape(one.name)}</code>", f"{one.requests:,}", span(one.median, one.p95, one.p99, most)]
        row += [*map(short, (one.median, one.p95, one.p99, one.most)), f"{one.widest:,} B"]
        if told and (spent := one.spent) is not None:
            row += [f"{spent.queries:.2f}", short(spent.calls), f"{spent.hits:.0%}", f"{spent.cpu_ms:.2f}"]
        rows.append(row)
    note = "<p class=dim>Times in ms. Queries and calls are those of a request that the cache did not answer.</p>"
    return f"<h2>Operations</h2>{table(names, rows)}{note}"


def _failures(result: Result) -> str:
    if not result.failures:
        return ""
    rows = [[f"<code>{escape(one.operation)}</code>", escape(one.what), f"{one.times:,}"] for one in result.failures]
    return f"<h2>Failed requests</h2>{table(['operation', 'what', 'times'], rows)}"


def _budgets(checks: Sequence[Check]) -> str:
    whats = list(dict.fromkeys(check.what for check in checks))
    by_operation: dict[str, dict[str, Check]] = {}
    for check in checks:
        by_operation.setdefault(check.operation, {})[check.what] = check
    rows = [
        [f"<code>{escape(operation)}</code>", *(_cell(kept.get(what)) for what in whats)]
        for operation, kept in by_operation.items()
    ]
    return f"<h2>Budgets</h2>{table(['operation', *whats], rows)}"


def _cell(check: Check | None) -> str:
    if check is None:
        return ""
    kind, mark = ("ok", "✓") if check.kept else ("off", "✕")
    bound = "≥" if check.at_least else "≤"
    return f'<span class="{kind}">{mark} {short(check.value)}</span> <small>{bound} {short(check.limit)}</small>'


def table(names: Sequence[str], rows: Sequence[Iterable[str]]) -> str:
    """Return a table with these columns."""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="card"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
