"""The kit's own tables, `kit_…`: the jobs that wait, run or died, and the facts that were handled."""

from datetime import datetime
from typing import cast

from sqlalchemy import Index, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import Key, UtcDateTime
from app.kit.tables import Base

LIVE = text("died_at IS NULL")


class QueuedJob(Base):
    """A job that waits, runs or died; one that is done is a row no more.

    It waits while it has no lease, and may start from `due_at` on. It runs while it has one, which ends at `due_at`:
    then whoever held it is taken for dead, and another worker may start it.
    """

    __tablename__ = "kit_job"
    __table_args__ = (
        Index("ix_kit_job_next", "rank", "due_at", "id", postgresql_where=LIVE, sqlite_where=LIVE),
        Index("ix_kit_job_due", "due_at", postgresql_where=LIVE, sqlite_where=LIVE),
        Index("ix_kit_job_name", "name", "due_at", postgresql_where=LIVE, sqlite_where=LIVE),
        Index("ix_kit_job_subject", "subject", "id", postgresql_where=LIVE, sqlite_where=LIVE),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    payload: Mapped[str] = mapped_column(Text)
    rank: Mapped[int]
    """Lower starts earlier: the negative of its priority."""
    enqueued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    gathers: Mapped[bool]
    """Whether it may start before `due_at`, in the batch of another one."""
    unique_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    """No two jobs with the same one wait; a job that was started gives it up."""
    subject: Mapped[str | None] = mapped_column(String(200))
    """Of the jobs with the same one, each starts when those before it are done."""
    start_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The latest start that still ends in time, of a deferrable job whose start is chosen."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often it was started."""
    lease: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed."""
    died_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


TABLE = cast("Table", QueuedJob.__table__)


class HandledFact(Base):
    """A fact from another database that this one has received, so that it is not heard twice."""

    __tablename__ = "kit_handled_fact"

    event_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    handled_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
