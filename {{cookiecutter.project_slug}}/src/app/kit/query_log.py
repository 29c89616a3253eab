"""What a process asks of its database: counted by request, logged where it is slow, stopped where it repeats itself."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import greenlet
import structlog
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.ext.asyncio import AsyncEngine

from app.kit.database import Database
from app.kit.logs import cost
from app.kit.tasks import Tasks

log = structlog.get_logger()

# What a statement runs with: a tuple or mapping, or a list of those for as many rows.
Parameters: TypeAlias = Any
Run: TypeAlias = Callable[[DBAPICursor, str, Parameters, ExecutionContext], Any]

# A statement may run twice in a request (a look-up before and after a race); a third time looks like a loop.
MOST_RUNS = 2
PLAN_SECONDS = 3600
# What opens and undoes a transaction, our own plans, and what SQLAlchemy asks a server that it doesn't know yet.
NO_QUERY = ("BEGIN", "ROLLBACK", "PRAGMA", "EXPLAIN", "select pg_catalog.", "select current_schema", "show ")
HAS_A_PLAN = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
PACKAGE, _, _ = __name__.partition(".")


class RepeatedStatement(Exception):
    """One request ran the same statement more than twice: fetch all it needs with one."""


class QueryLog:
    """Adds up the statements of each request and their time, and reports the slow and the repeated ones."""

    def __init__(self, database: Database, tasks: Tasks, *, slow_ms: int, repeated: Literal["warn", "fail"]) -> None:
        """Listen to `database`; take how many ms make a statement slow, and what befalls a repeated one."""
        self._tasks = tasks
        self._slow_seconds = slow_ms / 1000
        self._repeated = repeated
        self._explained: dict[str, float] = {}
        self._reads, writes = database.engines
        for engine in (self._reads.sync_engine, writes.sync_engine):
            # Events of the dialect: those of the connection cost 20 µs a statement.
            event.listen(engine, "do_execute", self._around(engine.dialect.do_execute))
            event.listen(engine, "do_executemany", self._around(engine.dialect.do_executemany))
            event.listen(engine, "handle_error", self._failed)
        event.listen(writes.sync_engine, "rollback", self._rolled_back)

    def _around(self, run: Run) -> Run:
        def execute(cursor: DBAPICursor, statement: str, parameters: Parameters, context: ExecutionContext) -> bool:
            if statement.startswith(NO_QUERY):
                return False  # SQLAlchemy runs it
            spent = cost.get()
            if spent is not None:
                spent.queries += 1
                runs = spent.runs[statement] = spent.runs.get(statement, 0) + 1
                if runs > MOST_RUNS * spent.attempts:
                    self._on_repeat(statement, runs - MOST_RUNS * spent.attempts)
            started = time.perf_counter()
            try:
                run(cursor, statement, parameters, context)
            finally:
                seconds = time.perf_counter() - started
                if spent is not None:
                    spent.sql_seconds += seconds
                if seconds >= self._slow_seconds:
                    self._on_slow(context.dialect.name, statement, parameters, seconds)
            return True

        return execute

    def _failed(self, context: ExceptionContext) -> None:
        # Work that runs again, on a new connection or after a deadlock, repeats its statements with good reason.
        if context.is_disconnect and (spent := cost.get()) is not None:
            spent.attempts += 1

    def _rolled_back(self, _connection: Connection) -> None:
        if (spent := cost.get()) is not None:
            spent.attempts += 1

    def _on_repeat(self, statement: str, over: int) -> None:
        if self._repeated == "fail":
            raise RepeatedStatement(f"One request ran this {MOST_RUNS + over} times, at {_caller()}: {statement}")
        if over == 1:
            log.warning("repeated statement", statement=statement, caller=_caller())

    def _on_slow(self, dialect: str, statement: str, parameters: Parameters, seconds: float) -> None:
        rows, one = (len(parameters), parameters[0]) if isinstance(parameters, list) else (1, parameters)
        line = {
            "statement": statement,
            "parameters": _types(one),
            "rows": rows,
            "caller": _caller(),
            "ms": round(seconds * 1000, 1),
        }
        now = time.monotonic()
        if not statement.startswith(HAS_A_PLAN) or now < self._explained.get(statement, now):
            log.warning("slow query", **line)
            return
        self._explained = {known: until for known, until in self._explained.items() if now < until}
        self._explained[statement] = now + PLAN_SECONDS
        self._tasks.start(self._report(line, dialect, statement, one))

    async def _report(self, line: dict[str, Any], dialect: str, statement: str, parameters: Parameters) -> None:
        try:
            plan = await _plan(self._reads, dialect, statement, parameters)
        except Exception as error:  # noqa: BLE001 - without a plan the line is still worth its place
            # The error's text may show the parameters; its name does not.
            plan = [f"not taken: {type(error).__name__}"]
        log.warning("slow query", **line, plan=plan)


async def _plan(engine: AsyncEngine, dialect: str, statement: str, parameters: Parameters) -> list[str]:
    """Return the plan for a statement and its parameters, one line a step, without a value in it."""
    explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN (FORMAT JSON)"
    async with engine.connect() as connection:
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
    if dialect == "sqlite":
        return [detail for *_, detail in rows]
    return list(_steps(rows[0][0][0]["Plan"]))


def _steps(plan: dict[str, Any], depth: int = 0) -> Iterator[str]:
    # Only what can be named: PostgreSQL writes the parameters' values into conditions.
    step = " ".join(plan[part] for part in ("Node Type", "Relation Name", "Index Name") if part in plan)
    yield f"{'  ' * depth}{step} (cost {plan['Total Cost']}, rows {plan['Plan Rows']})"
    for part in plan.get("Plans", ()):
        yield from _steps(part, depth + 1)


def _types(parameters: Parameters) -> dict[str, int]:
    """Return how many parameters there are of each type."""
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    return dict(Counter(type(value).__name__ for value in values))


def _caller() -> str | None:
    """Return file, line and function of the code outside the kit that runs a statement, where there is any."""
    # SQLAlchemy runs the driver in a greenlet of its own; who awaits that is in the greenlet beneath.
    beneath = greenlet.getcurrent().parent
    frame = beneath and beneath.gr_frame
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(f"{PACKAGE}.") and not module.startswith(f"{__package__}."):
            code = frame.f_code
            return f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
        frame = frame.f_back
    return None
