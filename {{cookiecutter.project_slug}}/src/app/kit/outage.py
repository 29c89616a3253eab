"""Outages: which errors mean that the database can't serve now, rather than that we asked it something wrong."""

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

# Result codes of SQLite ("Result and Error Codes"): the file is locked, or it can't be read or written.
SQLITE = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
    sqlite3.SQLITE_NOTADB,
}
# Classes of PostgreSQL's error codes (manual, appendix A): connection, rollback for timing alone, resources, locks,
# intervention of an operator.
POSTGRESQL = {"08", "40", "53", "55", "57"}


def outage(error: Exception) -> str | None:
    """Return in one line why the database can't serve now; None where that is not what `error` says."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    state = getattr(cause, "sqlstate", None)
    if (
        isinstance(cause, NoConnectionFree | TimeoutError | ConnectionError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or (code is not None and code & 0xFF in SQLITE)
        or (state is not None and state[:2] in POSTGRESQL)
    ):
        return str(error).partition("\n")[0] or type(error).__name__
    return None
