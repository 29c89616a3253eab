"""Logs: one structured line an event, readable on a terminal and JSON everywhere else."""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import msgspec
import stamina.instrumentation
import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.kit.cpu_time import Metered

log = structlog.get_logger()
JSON = msgspec.json.Encoder(enc_hook=str)

SLOW_REQUEST_SECONDS = 1


def _json(line: Mapping[str, Any], **_: object) -> str:
    return JSON.encode(line).decode()


def configure(level: str) -> None:
    """Send structlog's and the standard library's records to standard error, from `level` up, in one format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        renderers: list[Any] = [structlog.dev.ConsoleRenderer()]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    numeric_level = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(numeric_level),
        # Nothing is cached: it would tie a logger to the level and stream of its first line, to save 1.3 µs a line.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # A retry is a number among the metrics: what is down already has its line.
    stamina.instrumentation.set_on_retry_hooks([])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(numeric_level, logging.WARNING), force=True)


class Cost:
    """What one request has asked of others so far: of the database (see `kit/query_log.py`), of other systems."""

    __slots__ = ("attempts", "calls", "hits", "operation", "queries", "runs", "sql_seconds")

    def __init__(self) -> None:
        self.operation = ""
        """What the request does, where its route alone does not say it."""
        self.queries = 0
        self.sql_seconds = 0.0
        self.runs: dict[str, int] = {}
        """How often each statement ran."""
        self.attempts = 1
        """How often the work began: once more after each rollback and each lost connection."""
        self.calls = 0
        """Calls to other systems."""
        self.hits = 0
        """1 where the cache had the answer."""

    def server_timing(self, seconds: float) -> str:
        """Return the header Server-Timing of an answer that took `seconds` (W3C Server Timing; `dur` in ms)."""
        noun = "query" if self.queries == 1 else "queries"
        database = f'db;dur={self.sql_seconds * 1000:.1f};desc="{self.queries} {noun}"'
        operation = f';desc="{self.operation}"' if self.operation else ""
        return f"{database}, app;dur={seconds * 1000:.1f}{operation}"


# Of the request that the current task serves; None outside of requests, or where nobody counts.
cost: ContextVar[Cost | None] = ContextVar("cost", default=None)


class Done(msgspec.Struct, frozen=True):
    """A request that has been answered."""

    operation: str
    """Its name, or its method and the template of its path; `-` for a path that no route matches."""
    status: int
    seconds: float
    cpu_seconds: float
    """Of the event loop's thread, in its own task."""
    bytes: int
    """Of the body of its answer."""
    cost: Cost | None


class RequestLog:
    """ASGI middleware that notes what each request cost: in its answer, and in one line of the log.

    The line has method, route, status, milliseconds, and the number and milliseconds of its SQL statements. Of
    requests that went well and quickly, every `every`th has a line; one that took a second or more, or failed
    on our side, always has.
    """

    def __init__(self, app: ASGIApp, note: Callable[[Done], None], *, every: int, count_queries: bool) -> None:
        """Take who is told of each request."""
        self._app = app
        self._note = note
        self._every = every
        self._count_queries = count_queries
        self._healthy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with the header Server-Timing, and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = size = 0
        spent = Cost() if self._count_queries else None
        cost.set(spent)  # never reset: the server runs each request in a task, and so in a context, of its own

        async def note_status(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                if spent is not None:
                    timing = spent.server_timing(time.perf_counter() - started)
                    message["headers"] = [*message["headers"], (b"server-timing", timing.encode())]
            else:
                size += len(message.get("body", b""))
            await send(message)

        work = Metered(self._app(scope, receive, note_status))
        try:
            await work
        finally:
            seconds = time.perf_counter() - started
            self._note(Done(_operation(scope, spent), status, seconds, work.seconds, size, spent))
            if self._is_worth_a_line(status, seconds):
                _write_line(scope, status, seconds, spent)

    def _is_worth_a_line(self, status: int, seconds: float) -> bool:
        if seconds >= SLOW_REQUEST_SECONDS or not status or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return True
        self._healthy += 1
        return self._healthy % self._every == 0


def _operation(scope: HTTPScope, spent: Cost | None) -> str:
    if spent is not None and spent.operation:
        return spent.operation
    template = scope.get("path_template")
    return f"{scope['method']} {template}" if template else "-"


def _write_line(scope: HTTPScope, status: int, seconds: float, spent: Cost | None) -> None:
    line: dict[str, Any] = {"status": status, "ms": round(seconds * 1000, 1)}
    if spent is not None:
        line |= {"queries": spent.queries, "sql_ms": round(spent.sql_seconds * 1000, 1)}
        if spent.operation:
            line["operation"] = spent.operation
    # The route and not the path, so that lines can be grouped; Litestar sets it as soon as a route matches.
    log.info("request", method=scope["method"], path=scope.get("path_template") or scope["path"], **line)
