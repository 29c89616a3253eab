"""The report of a month: how much was lent, what most, and what is overdue; an HTML file that opens anywhere."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.lending.models import Book, Loan, Member

FOLDER = Path("reports")
MONTHS = 12
MOST_BORROWED = 10
LONGEST_OVERDUE = 50

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Lending in {month}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .2rem .5rem; border-bottom: 1px solid #8886; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
meter {{ width: 12rem; }}
</style>
<h1>Lending in {month}</h1>
{sections}
<p>Written on {written}.</p>
</html>
"""


async def write(session: AsyncSession, now: datetime, folder: Path | None = None) -> Path:
    """Write the report of the month before `now` (UTC) and return its path; one that is there is replaced."""
    month, end = _months_before(now, 2)
    months = await _loans_per_month(session, now)
    most = max((count for _, count in months), default=0)
    sections = (
        _section("Loans per month", ("Month", "Loans", ""), ((f"{m:%B %Y}", n, _bar(n, most)) for m, n in months)),
        _section("Most borrowed", ("Title", "Loans"), await _most_borrowed(session, month, end)),
        _section("Overdue", ("Due", "Title", "Member"), await _overdue(session, now)),
    )
    page = PAGE.format(month=f"{month:%B %Y}", sections="\n".join(sections), written=f"{now:%d %B %Y, %H:%M} UTC")
    path = (folder or FOLDER) / f"lending-{month:%Y-%m}.html"
    await asyncio.to_thread(_replace, path, page)
    return path


async def _loans_per_month(session: AsyncSession, now: datetime) -> list[tuple[datetime, int]]:
    starts = _months_before(now, MONTHS + 1)
    counts = [func.count().filter(Loan.borrowed_at >= start, Loan.borrowed_at < end) for start, end in pairwise(starts)]
    row = (await session.execute(select(*counts).where(Loan.borrowed_at >= starts[0]))).one()
    return list(zip(starts[:-1], row, strict=True))


async def _most_borrowed(session: AsyncSession, start: datetime, end: datetime) -> Iterable[tuple[str, int]]:
    loans = func.count()
    rows = await session.execute(
        select(Book.title, loans)
        .join(Loan.book)
        .where(Loan.borrowed_at >= start, Loan.borrowed_at < end)
        .group_by(Book.id, Book.title)
        .order_by(loans.desc(), Book.title)
        .limit(MOST_BORROWED)
    )
    return ((title, count) for title, count in rows)


async def _overdue(session: AsyncSession, now: datetime) -> Iterable[tuple[str, str, str]]:
    rows = await session.execute(
        select(Loan.due_on, Book.title, Member.name)
        .join(Loan.book)
        .join(Member, Member.id == Loan.member_id)
        .where(Loan.due_on < now.date(), Loan.returned_at.is_(None))
        .order_by(Loan.due_on, Loan.id)
        .limit(LONGEST_OVERDUE)
    )
    return ((f"{due:%d %B %Y}", title, name) for due, title, name in rows)


def _months_before(now: datetime, count: int) -> list[datetime]:
    """Return the starts of the last `count` months, this one included, the first first."""
    this = now.year * 12 + now.month - 1
    return [datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in range(this - count + 1, this + 1)]


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _bar(value: int, most: int) -> _Markup:
    return _Markup(f'<meter value="{value}" max="{most or 1}">{value}</meter>')


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    rows = list(rows)
    if not rows:
        return f"<h2>{title}</h2>\n<p>None.</p>"
    headings = "".join(f"<th{_kind(value)}>{heading}</th>" for heading, value in zip(head, rows[0], strict=True))
    body = "\n".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<h2>{title}</h2>\n<table>\n<tr>{headings}</tr>\n{body}\n</table>"


def _cell(value: object) -> str:
    return f"<td{_kind(value)}>{value if isinstance(value, _Markup) else escape(str(value))}</td>"


def _kind(value: object) -> str:
    return ' class="number"' if isinstance(value, int) else ""


def _replace(path: Path, text: str) -> None:
    # A reader sees the old report or the new one, never half of it.
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
