"""Builds the ASGI application from settings and modules."""

import inspect
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.routes import HTTPRoute

from app.kit import facts, health, logs, security
from app.kit.database import Database, Read, Write
from app.kit.errors import EXCEPTION_HANDLERS, JsonRequest
from app.kit.logs import RequestLog
from app.kit.module import Module
from app.kit.openapi import ClosedInputs
from app.kit.query_log import QueryLog
from app.kit.settings import Settings
from app.kit.tasks import Tasks

MAX_BODY_BYTES = 64 * 1024


def connect(settings: Settings, modules: Sequence[Module]) -> Database:
    """Return the database of `settings`, whose transactions let `modules` hear each other's facts."""
    heard = facts.hearers(hears for module in modules for hears in module.hears)
    return Database(settings.database_url, {facts.HEARERS: heard})


def build_app(settings: Settings, modules: Sequence[Module], *, title: str) -> Litestar:
    """Return the application that serves `modules`; nothing is opened before it starts.

    Raises SettingsError for a setting that can't work.
    """
    logs.configure(settings.log_level)
    database = connect(settings, modules)
    tasks = Tasks()
    count_queries = "query_log" not in settings.practices_off
    if count_queries:
        QueryLog(database, tasks, slow_ms=settings.slow_query_ms, repeated=settings.repeated_statement)

    def provide_read() -> Read:
        return database.read

    def provide_write() -> Write:
        return database.write

    def provide_tasks() -> Tasks:
        return tasks

    @asynccontextmanager
    async def close_at_the_end(_app: Litestar) -> AsyncGenerator[None]:
        yield
        await tasks.drain()
        await database.close()

    app = Litestar(
        [health.live, health.ready, *(controller for module in modules for controller in module.controllers)],
        dependencies={
            "read": Provide(provide_read, sync_to_thread=False),
            "tasks": Provide(provide_tasks, sync_to_thread=False),
            "write": Provide(provide_write, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[close_at_the_end],
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title=title,
            version="0.1.0",
            components=security.COMPONENTS,
            path="/docs",
            render_plugins=[ScalarRenderPlugin(path="/")],
        ),
        plugins=[ClosedInputs()],
        request_class=JsonRequest,
        request_max_body_size=MAX_BODY_BYTES,
        state=State({"settings": settings}),
    )
    _complete_allow_headers(app)
    # Around Litestar and not in it: its own middleware never sees a request that no route matches.
    app.asgi_handler = RequestLog(app.asgi_handler, every=settings.log_every, count_queries=count_queries)
    return app


def _complete_allow_headers(app: Litestar) -> None:
    # Litestar 2.25 makes a path's OPTIONS handler with its first handler and forgets the methods of later ones.
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            handler, _ = route.route_handler_map["OPTIONS"]
            first: HTTPRoute = inspect.getclosurevars(handler.fn).nonlocals["self"]
            first.methods |= route.methods
