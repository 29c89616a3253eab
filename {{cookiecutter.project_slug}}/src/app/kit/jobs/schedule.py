"""When a job with a schedule runs next."""

from datetime import UTC, datetime

from cronsim import CronSim
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.jobs import Job
from app.kit.jobs.inbox import NewJob, bring_forward, put


async def schedule(session: AsyncSession, recurring: Job, now: datetime) -> None:
    """Write the next run of a job that has a schedule, or bring it forward where the schedule was another one."""
    new = NewJob(
        name=recurring.name,
        payload=recurring.encode(()),
        rank=-recurring.priority,
        due_at=next(CronSim(recurring.cron or "", now.astimezone(UTC))),
        unique_key=f"{recurring.name} by its schedule",
    )
    await put(session, new)
    await bring_forward(session, new)
