"""The database behind two engines: reads on autocommit connections, writes in transactions.

A read costs one round trip and nothing else: no BEGIN, no ROLLBACK, no ORM object. A write is a short
unit of work that commits as a whole or not at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Executable,
    Integer,
    MetaData,
    Row,
    Select,
    TypeDecorator,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.util import greenlet_spawn

from app.kit.changes import ChangeNotingSession, changes_of
from app.kit.engines import new_engines

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Committed: TypeAlias = Callable[[set[str]], Awaitable[None]]
"""Is told the tags (`kit/changes.py`) of what a transaction changed, right after its commit."""
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

READ = "read"
"""The place in a session's `info` where the reads of its database are."""

ATTEMPTS = 3
# SQLite answers SELECT 1 without a look at its file.
PINGS = {"sqlite": text("SELECT 1 FROM sqlite_master LIMIT 1"), "postgresql": text("SELECT 1")}
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:subject, 0))")
# PostgreSQL's codes for "serialization failure" and "deadlock detected" (manual, appendix A): the same work
# succeeds when it runs again.
TRY_AGAIN = {"40001", "40P01"}

# Stable names for constraints and indexes, so that a migration can name what it drops, on every database.
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

# SQLite numbers rows by itself only in a column of exactly the type INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")


def new_metadata() -> MetaData:
    """Return the empty collection of tables that one module owns."""
    return MetaData(naming_convention=NAMING_CONVENTION)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC; SQLite, which knows no time zones, stores it as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return `value` in UTC, to be stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the stored `value`, aware that it is in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


async def lock(session: AsyncSession, subject: str, key: object) -> None:
    """Wait until no other unit of work holds this lock, and hold it until the end of this one.

    Modules that change a subject in tables of their own, and hear of each other's changes, take it first: without
    it each could hold the row that the other one waits for.
    """
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        await session.execute(LOCK, {"subject": f"{subject} {key}"})


def reads(session: AsyncSession) -> "Read":
    """Return the reads of the session's database, for a job: what takes long must hold no transaction meanwhile."""
    return session.info[READ]


async def _tell_nobody(_changes: set[str]) -> None:
    """Let a commit go unnoticed, where nothing is cached."""


class Read:
    """Runs prebuilt statements, each on an autocommit connection that can't write."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[AnyRow]:
        """Return all rows of `statement`; a read cut off by a lost connection is tried once more."""
        try:
            return await self._run(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._run(statement, parameters)

    async def first(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> AnyRow | None:
        """Return the first row of `statement`, or None."""
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None

    async def ping(self) -> None:
        """Run the smallest query there is; raise what the driver raises where the database can't be reached."""
        await self.all(PINGS[self._engine.dialect.name])

    async def _run(self, statement: Executable, parameters: Mapping[str, Any] | None) -> Sequence[AnyRow]:
        # One greenlet for all of it: a tenth of a read's CPU time less than one for each of AsyncConnection's calls.
        return await greenlet_spawn(self._run_here, statement, parameters)

    def _run_here(self, statement: Executable, parameters: Mapping[str, Any] | None) -> Sequence[AnyRow]:
        with self._engine.sync_engine.connect() as connection:
            return connection.execute(statement, parameters).all()


class Write:
    """Runs units of work, each in a transaction of its own."""

    def __init__(self, engine: AsyncEngine, context: Mapping[Any, Any], committed: Committed) -> None:
        # `info` travels with each session: what a unit of work states there, others hear in the same transaction.
        self._session = async_sessionmaker(
            engine, sync_session_class=ChangeNotingSession, expire_on_commit=False, info=dict(context)
        )
        self._committed = committed

    async def __call__(
        self,
        work: Callable[Concatenate[AsyncSession, Arguments], Awaitable[Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Return what `work(session, …)` returns, once its transaction is committed and its changes are known.

        An exception rolls everything back. Work that the database refused for its timing alone (a deadlock)
        runs again from the start, three times at the most, so it must have no effect outside its session.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session() as session:
                    result = await work(session, *args, **kwargs)
                    await _to_its_end(self._commit(session))
                    return result
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in TRY_AGAIN or attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _commit(self, session: AsyncSession) -> None:
        try:
            await session.commit()
        finally:
            # Also where the commit fails: the database may have done it, and only its answer was lost.
            if changes := changes_of(session.sync_session):
                await self._committed(changes)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` also where whoever asked for it gives up; only then pass the cancellation on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


class Database:
    """The two engines of one address; opens no connection before the first statement."""

    def __init__(self, url: str, context: Mapping[Any, Any] | None = None, committed: Committed = _tell_nobody) -> None:
        """Take a `DATABASE_URL`, what each write session carries, and who is told of the changes of each commit.

        Raises SettingsError for a bad address.
        """
        self._reads, self._writes = new_engines(url)
        self.read = Read(self._reads)
        self.write = Write(self._writes, {READ: self.read, **(context or {})}, committed)

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        """The engine that reads and the one that writes."""
        return self._reads, self._writes

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._reads.dispose()
        await self._writes.dispose()
