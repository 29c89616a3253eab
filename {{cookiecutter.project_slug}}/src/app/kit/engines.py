"""Engines for the address of a database: one for reads and one for writes, on SQLite or PostgreSQL."""

from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.kit.settings import SettingsError

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
CONNECT_SECONDS = 2
COMMAND_SECONDS = 5
POOL_SIZE = 10
# The text of an error goes into logs and dead letters, where no value of a row belongs.
DISCREET = {"hide_parameters": True}


def new_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine for reads, autocommit and unable to write, and the one for writes; nothing is opened yet.

    Raises SettingsError for a bad `DATABASE_URL`.
    """
    address = parse_url(url)
    return _sqlite(address) if address.drivername.startswith("sqlite") else _postgres(address)


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
        address,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=POOL_SIZE,
        max_overflow=0,
        **DISCREET,
    )
    # SQLite has one writer at a time: ours wait for each other in the pool, not in SQLite's polling.
    writes = create_async_engine(address, pool_size=1, max_overflow=0, **DISCREET)
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
        **DISCREET,
    )
    writes = create_async_engine(address, pool_size=POOL_SIZE, pool_pre_ping=True, connect_args=timeouts, **DISCREET)
    for engine in (reads.sync_engine, writes.sync_engine):
        event.listen(engine, "handle_error", _leave_out_the_row)
    return reads, writes


def _leave_out_the_row(context: ExceptionContext) -> None:
    cause = context.original_exception.__cause__
    if cause is not None:
        vars(cause).pop("detail", None)  # of asyncpg's errors; it quotes the row, or its key
