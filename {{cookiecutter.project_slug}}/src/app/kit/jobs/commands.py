"""What `poe worker` runs, and what `poe jobs` shows and does: the jobs that wait, run or died."""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Litestar
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uvicorn.importer import import_from_string

from app.kit.database import AnyRow, Database
from app.kit.jobs.inbox import tell_workers
from app.kit.jobs.table import QueuedJob
from app.kit.schemas import MAX_INTEGER

MOST = 200
PAYLOAD_LENGTH = 40
JOBS = (
    select(
        QueuedJob.id,
        QueuedJob.name,
        QueuedJob.payload,
        QueuedJob.due_at,
        QueuedJob.attempts,
        QueuedJob.lease,
        QueuedJob.error,
        QueuedJob.died_at,
    )
    .order_by(QueuedJob.died_at.desc().nulls_last(), QueuedJob.due_at, QueuedJob.id)
    .limit(MOST)
)
ALL = "all"
HEAD = ("ID", "JOB", "STATE", "AT (UTC)", "TRIES", "PAYLOAD", "ERROR")


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse keeps its type to itself
    """Add the command `jobs` to a command line."""
    parser = commands.add_parser("jobs", help="list the jobs; let dead ones run again, or delete them")
    parser.add_argument("action", nargs="?", choices=["list", "retry", "delete"], default="list")
    parser.add_argument("which", nargs="?", type=_which, default=ALL, help="the ID of a dead job, or all (the default)")


async def act(database: Database, action: str, which: str) -> str:
    """Do what the command line says, to the dead job with the id `which` or to all; return what to print."""
    match action:
        case "retry":
            return f"{await database.write(_retry, which)} jobs wait again."
        case "delete":
            return f"{await database.write(_delete, which)} jobs deleted."
        case _:
            return _table(await database.read.all(JOBS))


def work(factory: str) -> None:
    """Run jobs until Ctrl-C or SIGTERM: the application as it is, with a worker inside and nobody listening."""
    os.environ["WORKER_INSIDE"] = "true"
    app: Litestar = import_from_string(factory)()

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
        async with app.lifespan():
            await stopped.wait()

    asyncio.run(until_stopped())


def _which(text: str) -> str:
    if text != ALL and not (text.isdecimal() and int(text) <= MAX_INTEGER):
        raise argparse.ArgumentTypeError(f"{text!r} is neither the ID of a dead job nor all")
    return text


def _table(rows: Sequence[AnyRow]) -> str:
    now = datetime.now(UTC)
    dead_last = sorted(rows, key=lambda row: (row.died_at is not None, row.died_at or row.due_at))
    lines = [HEAD, *(_line(row, now) for row in dead_last)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    if len(rows) == MOST:
        texts.append(f"These are the {MOST} that died last or are due first.")
    return "\n".join(texts) if rows else "There are no jobs."


def _line(row: AnyRow, now: datetime) -> Sequence[str]:
    if row.died_at is not None:
        state, at = "dead", row.died_at
    elif row.lease is not None and row.due_at > now:
        state, at = "running", row.due_at
    else:
        state, at = "waiting", row.due_at
    error = (row.error or "").strip().rpartition("\n")[2]
    payload = row.payload if len(row.payload) <= PAYLOAD_LENGTH else f"{row.payload[:PAYLOAD_LENGTH]}…"
    return str(row.id), row.name, state, f"{at:%Y-%m-%d %H:%M:%S}", str(row.attempts), payload, error


async def _retry(session: AsyncSession, which: str) -> int:
    again = {"died_at": None, "attempts": 0, "due_at": datetime.now(UTC)}
    revived = await session.execute(update(QueuedJob).where(*_dead(which)).values(again).returning(QueuedJob.id))
    await tell_workers(session)
    return len(revived.all())


async def _delete(session: AsyncSession, which: str) -> int:
    deleted = await session.execute(delete(QueuedJob).where(*_dead(which)).returning(QueuedJob.id))
    return len(deleted.all())


def _dead(which: str) -> list[ColumnElement[bool]]:
    dead = QueuedJob.died_at.is_not(None)
    return [dead] if which == ALL else [dead, QueuedJob.id == int(which)]
