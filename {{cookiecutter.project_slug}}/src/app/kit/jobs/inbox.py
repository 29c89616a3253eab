"""How a job gets into the table, and how workers come to know of it.

On the connection and not the session: a session notes what it changes for the cache, and nothing cached shows a job.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from sqlalchemy import event, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.changes import ChangeNotingSession
from app.kit.jobs.table import TABLE

CHANNEL = "kit_job"
"""Where PostgreSQL tells the workers of a new job."""
WAKE = "wake"
"""The place in a session's `info` of what is called after a commit that leaves a job."""
_LEFT_A_JOB = "left a job"

INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
NOTIFY = func.pg_notify(CHANNEL, "")


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to put in; its fields are columns of the table."""

    name: str
    payload: str
    rank: int
    due_at: datetime
    gathers: bool = False
    unique_key: str | None = None
    subject: str | None = None


async def put(session: AsyncSession, *new: NewJob) -> None:
    """Write jobs; where one waits with the `unique_key` of the only new one, that one stays as it is."""
    connection = await session.connection()
    started = {"enqueued_at": datetime.now(UTC), "attempts": 0}
    rows = [msgspec.structs.asdict(job) | started for job in new]
    statement = INSERTS[connection.dialect.name](TABLE).values(rows)
    if new[0].unique_key is not None:
        # Touched and not passed over: it can't start before this transaction ends, so it sees what this one wrote.
        statement = statement.on_conflict_do_update(
            index_elements=[TABLE.c.unique_key], set_={"unique_key": new[0].unique_key}
        )
    if connection.dialect.name == "postgresql":
        statement = statement.returning(NOTIFY)
    await connection.execute(statement)
    session.info[_LEFT_A_JOB] = True


async def bring_forward(session: AsyncSession, new: NewJob) -> None:
    """Let the job that waits with the `unique_key` of `new` be due no later than `new` is."""
    later = update(TABLE).where(TABLE.c.unique_key == new.unique_key, TABLE.c.lease.is_(None))
    connection = await session.connection()
    await connection.execute(later.where(TABLE.c.due_at > new.due_at).values(due_at=new.due_at))


async def tell_workers(session: AsyncSession) -> None:
    """Let workers look for jobs after this transaction, where they can be told; elsewhere they look by themselves."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(NOTIFY))


@event.listens_for(ChangeNotingSession, "after_commit")
def _wake(session: ChangeNotingSession) -> None:
    wake: Callable[[], None] | None = session.info.get(WAKE)
    if wake is not None and session.info.get(_LEFT_A_JOB):
        wake()
