"""The database behind two engines: reads on autocommit connections, writes in transactions.

A read costs one round trip and nothing else: no BEGIN, no ROLLBACK, no ORM object. A write is a short
unit of work that commits as a whole or not at all.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Integer,
    MetaData,
    Row,
    Select,
    TypeDecorator,
    event,
    make_url,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from app.kit.changes import ChangeNotingSession, changes_of
from app.kit.settings import SettingsError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Committed: TypeAlias = Callable[[set[str]], Awaitable[None]]
"""Is told the tags (`kit/changes.py`) of what a transaction changed, right after its commit."""
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
CONNECT_SECONDS = 2
COMMAND_SECONDS = 5
POOL_SIZE = 10
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
                    await self._commit(session)
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


class Database:
    """The two engines of one address; opens no connection before the first statement."""

    def __init__(self, url: str, context: Mapping[Any, Any] | None = None, committed: Committed = _tell_nobody) -> None:
        """Take a `DATABASE_URL`, what each write session carries, and who is told of the changes of each commit.

        Raises SettingsError for a bad address.
        """
        address = parse_url(url)
        self._reads, self._writes = _sqlite(address) if address.drivername.startswith("sqlite") else _postgres(address)
        self.read = Read(self._reads)
        self.write = Write(self._writes, context or {}, committed)

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        """The engine that reads and the one that writes."""
        return self._reads, self._writes

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._reads.dispose()
        await self._writes.dispose()


def parse_url(url: str) -> URL:
    """Return `url`, as people write it, with the async driver named; raise SettingsError."""
    try:
        address = make_url(url)
        address = address.set(drivername=DRIVERS[address.get_backend_name()])
    except (ArgumentError, KeyError, ValueError):
        raise SettingsError(
            "DATABASE_URL is not an address this project knows: "
            "write sqlite:///app.db or postgresql://user:password@host:5432/name"
        ) from None
    if address.drivername.startswith("sqlite"):
        if address.database in {None, "", ":memory:"}:
            raise SettingsError("DATABASE_URL names no file: write sqlite:///app.db")
        if address.query:
            raise SettingsError("DATABASE_URL of SQLite takes nothing after `?`: write sqlite:///app.db")
    if "sslmode" in address.query:  # libpq's spelling, which hosting providers hand out; asyncpg says `ssl`
        mode = address.query["sslmode"]
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return address


def _sqlite(address: URL) -> tuple[AsyncEngine, AsyncEngine]:
    reads = create_async_engine(
        address, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, pool_size=POOL_SIZE, max_overflow=0
    )
    # SQLite has one writer at a time: ours wait for each other in the pool, not in SQLite's polling.
    writes = create_async_engine(address, pool_size=1, max_overflow=0)
    _on_connect(reads.sync_engine, "query_only = ON")
    _on_connect(writes.sync_engine, "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON")

    @event.listens_for(writes.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # Takes the write lock at once: a transaction that read first could not get it later without a deadlock.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return reads, writes


def _on_connect(engine: Engine, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver opens no transaction of its own
        cursor = connection.cursor()
        for pragma in (f"busy_timeout = {COMMAND_SECONDS * 1000}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _postgres(address: URL) -> tuple[AsyncEngine, AsyncEngine]:
    timeouts = {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
    reads = create_async_engine(
        address,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=POOL_SIZE,
        connect_args={**timeouts, "server_settings": {"default_transaction_read_only": "on"}},
    )
    writes = create_async_engine(address, pool_size=POOL_SIZE, pool_pre_ping=True, connect_args=timeouts)
    return reads, writes
