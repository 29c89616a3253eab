"""Facts: how modules that don't know each other stay in step.

A module states what happened; others, which declare their own reading of it, hear it in the transaction that
states it, so a copy never lags and never outlives a rollback. Those who keep their copy in another database are told
by a job that is written in that transaction, until they have it; there another job hears it. Of one subject all that
happens in the order it was stated.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import msgspec
from sqlalchemy import Table, delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import lock
from app.kit.jobs import Batch, Job, enqueue, enqueue_each, job
from app.kit.jobs.inbox import INSERTS
from app.kit.jobs.table import HandledFact

HANDLED = cast("Table", HandledFact.__table__)
REMEMBERED = timedelta(days=30)


class Fact(msgspec.Struct):
    """Something that happened, named in the past tense; the class name is the name on the wire.

    Its first field is its subject, such as `book_id`: facts of one subject are heard in the order they were stated.
    A hearer declares a class of the same name with the fields it needs; others are passed over.
    """


class Told(msgspec.Struct, frozen=True):
    """A fact on its way to another database."""

    event_id: str
    """The same however often it is told."""
    subject: str
    """What it is about, such as `book_id 7`."""
    name: str
    content: dict[str, Any]


Handler = Callable[[AsyncSession, Any], Awaitable[None]]
Hearers = dict[str, list[tuple[type[Fact], Handler]]]

# The places in a session's `info` of the hearers in this database, and of the jobs that tell those in other ones: each
# takes a `Told` and ends once `receive` has it over there.
HEARERS = "hearers"
TELLERS = "tellers"


def hearers(hears: Iterable[tuple[type[Fact], Handler]]) -> Hearers:
    """Return the handlers of each fact by its name, from pairs of (the hearer's own fact class, its handler)."""
    by_name: Hearers = defaultdict(list)
    for fact_type, handler in hears:
        by_name[fact_type.__name__].append((fact_type, handler))
    return dict(by_name)


async def state(session: AsyncSession, fact: Fact) -> None:
    """Let every hearer of `fact` act on it in `session`; what a handler raises undoes the whole transaction.

    Consumers outside are told after the commit, by a job.
    """
    content = msgspec.to_builtins(fact)
    subject, key = next(iter(content.items()))
    told = Told(uuid4().hex, f"{subject} {key}", type(fact).__name__, content)
    await _handle(session, told)
    tellers: Sequence[Job] = session.info.get(TELLERS, ())
    if tellers:
        # Until the commit: of two transactions, the one that writes its jobs later also commits later.
        await lock(session, f"fact of {subject}", key)
    for tell in tellers:
        await enqueue(session, tell, told, subject=f"{tell.name} {told.subject}")


async def receive(session: AsyncSession, facts: Sequence[Told]) -> None:
    """Take facts from another database, to be heard soon; those that were received before change nothing."""
    connection = await session.connection()
    now = datetime.now(UTC)
    rows = [{"event_id": told.event_id, "handled_at": now} for told in facts]
    once = INSERTS[connection.dialect.name](HANDLED).values(rows).on_conflict_do_nothing()
    new = set((await connection.execute(once.returning(HandledFact.event_id))).scalars())
    first = {told.event_id: told for told in reversed(facts) if told.event_id in new}
    await enqueue_each(session, hear_facts, [(told, f"hear {told.subject}") for told in reversed(first.values())])


async def _handle(session: AsyncSession, told: Told) -> None:
    heard_by: Hearers = session.info.get(HEARERS, {})
    for fact_type, handle in heard_by.get(told.name, ()):
        await handle(session, msgspec.convert(told.content, fact_type))


@job(batch=Batch(most=100, within=timedelta(0)), concurrency=1, priority=10)
async def hear_facts(session: AsyncSession, facts: list[Told]) -> None:
    """Let every hearer act on facts from another database."""
    for told in facts:
        await _handle(session, told)


@job(cron="17 3 * * *")
async def forget_facts(session: AsyncSession) -> None:
    """Forget which facts were received a month ago: nobody tells them again."""
    await session.execute(delete(HandledFact).where(HandledFact.handled_at < datetime.now(UTC) - REMEMBERED))


JOBS = [hear_facts, forget_facts]
