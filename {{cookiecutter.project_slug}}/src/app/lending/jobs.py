"""What lending leaves for later."""

from datetime import UTC, datetime, time, timedelta

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.jobs import Batch, Deferrable, enqueue, job
from app.lending import report
from app.lending.models import Book, Loan, Member, Reminder

log = structlog.get_logger()

REMIND_DAYS = 2
BY_MIDNIGHT = Deferrable(duration=timedelta(minutes=10), finish_by=time(0))
BY_SIX = Deferrable(duration=timedelta(minutes=10), finish_by=time(6))

NOT_REMINDED = ~exists().where(Reminder.loan_id == Loan.id)


@job(cron="0 6 * * *")
async def find_due_loans(session: AsyncSession) -> None:
    """Ask for a reminder of each loan that ends within two days and of which its member was not told."""
    today = datetime.now(UTC).date()
    due = select(Loan.id).where(Loan.due_on.between(today, today + timedelta(days=REMIND_DAYS)))
    for loan_id in await session.scalars(due.where(Loan.returned_at.is_(None), NOT_REMINDED)):
        await enqueue(session, remind_due_loans, loan_id, unique=str(loan_id))


@job(batch=Batch(most=500, within=timedelta(seconds=30)), deferrable=BY_MIDNIGHT, concurrency=1)
async def remind_due_loans(session: AsyncSession, loan_ids: list[int]) -> None:
    """Write a reminder of each of the loans whose book is still out, once: the day before it is due at the latest."""
    rows = await session.execute(
        select(Loan.id, Loan.due_on, Book.title, Member.name, Member.email)
        .join(Loan.book)
        .join(Member, Member.id == Loan.member_id)
        .where(Loan.id.in_(loan_ids), Loan.returned_at.is_(None), NOT_REMINDED)
    )
    now = datetime.now(UTC)
    reminders = [
        Reminder(
            loan_id=row.id,
            email=row.email,
            text=f"Dear {row.name}, please return {row.title!r} by {row.due_on:%d %B %Y}.",
            written_at=now,
        )
        for row in rows
    ]
    session.add_all(reminders)
    log.info("reminders written", reminders=len(reminders), asked=len(loan_ids))


@job(cron="0 18 1 * *", deferrable=BY_SIX, concurrency=1)
async def monthly_report(session: AsyncSession) -> None:
    """Write the report of the month that has ended, to be read the next morning."""
    path = await report.write(session, datetime.now(UTC))
    log.info("report written", path=str(path))


JOBS = [find_due_loans, remind_due_loans, monthly_report]
