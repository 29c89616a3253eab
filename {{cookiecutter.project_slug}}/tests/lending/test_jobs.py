"""Reminders and reports."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.lending import report, service
from app.lending.events import BookAdded, keep_book
from app.lending.jobs import find_due_loans, monthly_report, remind_due_loans
from app.lending.schemas import NewLoan, NewMember
from app.lending.service import LOAN_PERIOD
from tests.jobsite import Site

REMINDERS = text("SELECT loan_id, text FROM lending_reminder ORDER BY loan_id")
TITLE = "Tides & <Winds>"


async def lend(site: Site, *due_in_days: int) -> list[int]:
    """Lend a book once for each of the days that are left; return the loans."""
    await site.database.write(keep_book, BookAdded(1, TITLE, len(due_in_days)))
    member = await site.database.write(service.add_member, NewMember(name="Ada Byron", email="ada@example.org"))
    new = NewLoan(book_id=1, member_id=member.id)
    now = datetime.now(UTC)
    starts = [now - LOAN_PERIOD + timedelta(days=days) for days in due_in_days]
    return [(await site.database.write(service.borrow, new, start)).id for start in starts]


async def test_members_are_reminded_once_of_loans_that_end_within_two_days(site: Site) -> None:
    late, today, soon, later, returned = await lend(site, -1, 0, 2, 3, 1)
    await site.database.write(service.give_back, returned)
    for _ in range(2):
        await site.enqueue(find_due_loans)
        async with site.working(find_due_loans, remind_due_loans):
            await site.hurry()
    reminders = await site.database.read.all(REMINDERS)
    assert [row.loan_id for row in reminders] == [today, soon]
    assert reminders[0].text.startswith(f"Dear Ada Byron, please return {TITLE!r} by ")
    assert {late, later}.isdisjoint(row.loan_id for row in reminders)


async def test_a_book_that_came_back_in_between_is_not_asked_for(site: Site) -> None:
    (loan,) = await lend(site, 1)
    await site.database.write(find_due_loans.work)
    await site.database.write(service.give_back, loan)
    async with site.working(find_due_loans, remind_due_loans):
        await site.hurry()
    assert not await site.database.read.all(REMINDERS)


async def test_the_report_tells_what_was_lent_and_what_is_overdue(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path / "reports")
    await lend(site, -5, 3)
    path = await site.database.write(report.write, datetime.now(UTC) + timedelta(days=31))
    page = path.read_text(encoding="utf-8")
    assert "<td>Tides &amp; &lt;Winds&gt;</td>" in page
    assert "<td>Ada Byron</td>" in page
    assert f"<td>{datetime.now(UTC) - timedelta(days=5):%d %B %Y}</td>" in page
    assert page.count("<meter ") == 12


async def test_the_report_waits_for_a_good_time_and_is_there_in_the_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    await site.enqueue(monthly_report)
    async with site.working(monthly_report):
        pass
    assert (tmp_path / f"lending-{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}.html").is_file()
