"""Facts: how modules that don't know each other stay in step.

A module states what happened; others, which declare their own reading of it, hear it in the transaction that
states it, so a copy never lags and never outlives a rollback. Those who keep their copy in another database are told
by a job that is written in that transaction: until they have heard, and of one subject in the order it was stated.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import msgspec
from sqlalchemy import Table, delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import lock
from app.kit.jobs import enqueue, job
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
    name: str
    content: dict[str, Any]


Handler = Callable[[AsyncSession, Any], Awaitable[None]]
Hearers = dict[str, list[tuple[type[Fact], Handler]]]
Tell = Callable[[str, Told], Awaitable[None]]
"""Brings a fact to the consumer of that name, who passes it to `hear`; raises where that may not have happened."""


class Outside(msgspec.Struct, frozen=True):
    """Who hears facts in another database, and how they are told."""

    consumers: Mapping[str, Sequence[str]]
    """The names of the consumers of each fact, by its name."""
    tell: Tell


# The places in a session's `info` where these travel.
HEARERS = "hearers"
OUTSIDE = "outside"


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
    told = Told(uuid4().hex, type(fact).__name__, msgspec.to_builtins(fact))
    await _handle(session, told)
    outside: Outside | None = session.info.get(OUTSIDE)
    for consumer in outside.consumers.get(told.name, ()) if outside is not None else ():
        subject, key = next(iter(told.content.items()))
        # Until the commit: of two transactions, the one that writes its job later also commits later.
        await lock(session, f"fact for {consumer} of {subject}", key)
        await enqueue(session, tell_fact, consumer, told, subject=f"{consumer} {subject} {key}")


async def hear(session: AsyncSession, told: Told) -> None:
    """Let every hearer act on a fact from another database; one that was heard before changes nothing."""
    connection = await session.connection()
    once = INSERTS[connection.dialect.name](HANDLED).on_conflict_do_nothing()
    new = once.values(event_id=told.event_id, handled_at=datetime.now(UTC)).returning(HandledFact.event_id)
    if (await connection.execute(new)).first() is not None:
        await _handle(session, told)


async def _handle(session: AsyncSession, told: Told) -> None:
    heard_by: Hearers = session.info.get(HEARERS, {})
    for fact_type, handle in heard_by.get(told.name, ()):
        await handle(session, msgspec.convert(told.content, fact_type))


@job(retries=None, priority=10)
async def tell_fact(session: AsyncSession, consumer: str, told: Told) -> None:
    """Tell a consumer in another database, until it has heard."""
    outside: Outside = session.info[OUTSIDE]
    await outside.tell(consumer, told)


@job(cron="17 3 * * *")
async def forget_facts(session: AsyncSession) -> None:
    """Forget which facts were heard a month ago: nobody tells them again."""
    await session.execute(delete(HandledFact).where(HandledFact.handled_at < datetime.now(UTC) - REMEMBERED))


JOBS = [tell_fact, forget_facts]
