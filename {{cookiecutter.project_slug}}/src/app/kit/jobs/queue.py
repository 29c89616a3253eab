"""How a worker takes jobs off the table: lease, renew, let go, finish. The same statements on both databases.

On the connection and not the session: a session notes what it changes for the cache, and nothing cached shows a job.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, and_, bindparam, case, delete, exists, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import AnyRow, Read, lock
from app.kit.jobs.table import TABLE

JOB = TABLE.c
LIVE = JOB.died_at.is_(None)
EARLIER = TABLE.alias("earlier").c
FIRST_OF_ITS_SUBJECT = or_(
    JOB.subject.is_(None),
    ~exists().where(EARLIER.subject == JOB.subject, EARLIER.id < JOB.id, EARLIER.died_at.is_(None)),
)

NEXT = select(func.min(JOB.due_at)).where(LIVE)
GATHERED = (
    select(JOB.name, func.count())
    .where(LIVE, JOB.gathers, JOB.name.in_(bindparam("names", expanding=True)))
    .group_by(JOB.name)
)
RUNNING = (
    select(JOB.name, func.count(JOB.lease.distinct()).label("runs"))
    .where(LIVE, JOB.due_at > bindparam("now"), JOB.name.in_(bindparam("names", expanding=True)))
    .group_by(JOB.name)
)
# SQLite, which has one writer at a time, knows no FOR UPDATE and is not asked for it.
DUE = (
    select(JOB.id, JOB.name, JOB.attempts, JOB.due_at, JOB.start_by)
    .where(LIVE, FIRST_OF_ITS_SUBJECT, JOB.name.not_in(bindparam("full", expanding=True)))
    .where(
        or_(JOB.due_at <= bindparam("now"), and_(JOB.gathers, JOB.name.in_(bindparam("ripe", expanding=True)))),
    )
    .order_by(JOB.rank, JOB.due_at, JOB.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(of=TABLE, skip_locked=True)
)


def _gathers(row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - the columns of the table, or of its alias
    """Return the condition that `row` may run in this batch."""
    waits = or_(row.gathers, row.due_at <= bindparam("now"))
    return and_(row.name == bindparam("name"), row.attempts < bindparam("attempts"), waits)


# Of one subject a later job runs only with the earlier ones.
NONE_LEFT_BEHIND = or_(
    JOB.subject.is_(None),
    ~exists().where(
        EARLIER.subject == JOB.subject, EARLIER.id < JOB.id, EARLIER.died_at.is_(None), not_(_gathers(EARLIER))
    ),
)
TO_GATHER = (
    select(JOB.id)
    .where(LIVE, _gathers(JOB), NONE_LEFT_BEHIND)
    .where(case((JOB.start_by.is_(None), 0), else_=1) == bindparam("planned"))  # what is to be planned runs not yet
    .order_by(JOB.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)


class Gathering(msgspec.Struct, frozen=True):
    """How the jobs of a name run as one."""

    most: int
    attempts: int
    """After so many each runs by itself, so that one bad item takes no other down with it."""


class Rules(msgspec.Struct, frozen=True):
    """What jobs of some names have of their own."""

    batched: Mapping[str, Gathering]
    limits: Mapping[str, int]
    """How many run at a time."""
    deferrable: Collection[str]


class Taken(msgspec.Struct, frozen=True):
    """Jobs of one name that a worker has leased, to run as one."""

    name: str
    lease: str
    since: datetime
    """When the first of them could start."""
    rows: Sequence[AnyRow]


class LeaseLost(Exception):
    """The lease of a job ended while it ran; what it did must not stand."""


async def next_due(read: Read, batched: Mapping[str, Gathering]) -> datetime | None:
    """Return when the next job may start, UTC; long ago where a batch is full, None where there is nothing."""
    if batched:
        counts = await read.all(GATHERED, {"names": list(batched)})
        if any(count >= batched[name].most for name, count in counts):
            return datetime.min.replace(tzinfo=UTC)
    row = await read.first(NEXT)
    return row and row[0]


async def take(session: AsyncSession, now: datetime, lease: timedelta, free: int, rules: Rules) -> list[Taken]:
    """Lease up to `free` jobs or batches that are due at `now`, the most urgent first, within the limits by name."""
    batched, limits = rules.batched, rules.limits
    connection = await session.connection()
    running: dict[str, int] = {}
    if limits:
        await lock(session, "jobs", "limits")  # two workers must not count the same
        rows = await connection.execute(RUNNING, {"now": now, "names": list(limits)})
        running = {row.name: row.runs for row in rows}
    rows = await connection.execute(GATHERED, {"names": list(batched)})
    ripe = [name for name, count in rows if count >= batched[name].most]
    room = {name: limit - running.get(name, 0) for name, limit in limits.items()}
    full = [name for name in room if room[name] <= 0]
    due = await connection.execute(DUE, {"now": now, "full": full, "ripe": ripe, "limit": free})
    taken: dict[str, Taken] = {}
    for key, name, attempts, due_at, start_by in due.all():
        if name in taken or room.get(name, 1) <= 0:
            continue
        if name in room:
            room[name] -= 1
        gathering = batched.get(name)
        if gathering is None or attempts >= gathering.attempts:
            run, keys = f"{name} {key}", [key]
        else:
            among = {"name": name, "attempts": gathering.attempts, "planned": int(start_by is not None)}
            among |= {"now": now, "limit": gathering.most}
            run, keys = name, list((await connection.execute(TO_GATHER, among)).scalars())
        if keys:
            # One that is to be planned goes on waiting after that, and keeps its key.
            started = {} if start_by is None and name in rules.deferrable else {"unique_key": None}
            taken[run] = await _lease(session, keys, min(due_at, now), due_at=now + lease, **started)
    return list(taken.values())


async def _lease(session: AsyncSession, keys: Sequence[int], since: datetime, **changes: object) -> Taken:
    lease = token_hex(16)
    leased = (
        update(TABLE)
        .where(JOB.id.in_(keys))
        .values(attempts=JOB.attempts + 1, lease=lease, gathers=False, **changes)
        .returning(JOB.id, JOB.name, JOB.payload, JOB.attempts, JOB.start_by)
    )
    rows = sorted((await (await session.connection()).execute(leased)).all())
    return Taken(rows[0].name, lease, since, rows)


async def renew(session: AsyncSession, taken: Sequence[Taken], until: datetime) -> None:
    """Let the leases of `taken` end at `until`; one that another worker has taken over stays with that one."""
    connection = await session.connection()
    for run in taken:
        await connection.execute(update(TABLE).where(_held(run)).values(due_at=until))


async def let_go(session: AsyncSession, taken: Taken, **changes: object) -> None:
    """End the lease of `taken` and write `changes` to its rows; those whose lease was lost stay as they are."""
    await (await session.connection()).execute(update(TABLE).where(_held(taken)).values(lease=None, **changes))


async def hurry(session: AsyncSession, name: str) -> None:
    """Let the jobs of that name start now which wait for another try: whatever they failed of is over."""
    waits = and_(LIVE, JOB.name == name, JOB.attempts > 0, JOB.lease.is_(None))
    await (await session.connection()).execute(update(TABLE).where(waits).values(due_at=datetime.now(UTC)))


async def finish(session: AsyncSession, taken: Taken) -> None:
    """Take what was done off the table; raise LeaseLost where another worker may have begun it again."""
    deleted = await (await session.connection()).execute(delete(TABLE).where(_held(taken)).returning(JOB.id))
    if len(deleted.all()) != len(taken.rows):
        raise LeaseLost(f"{taken.name}: the lease ended before the work did.")


def _held(taken: Taken) -> ColumnElement[bool]:
    return and_(JOB.id.in_([row.id for row in taken.rows]), JOB.lease == taken.lease)
