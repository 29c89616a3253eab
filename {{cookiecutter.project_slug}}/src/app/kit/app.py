"""Builds the ASGI application from settings and modules."""

import inspect
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.routes import HTTPRoute

from app.kit import facts, health, job_inbox, jobs, logs, openapi, security
from app.kit.cache import Cache
from app.kit.cache_store import CacheStore
from app.kit.database import Database, Read, Write
from app.kit.edge import Edge
from app.kit.errors import EXCEPTION_HANDLERS, JsonRequest
from app.kit.http_cache import HttpCache
from app.kit.logs import RequestLog
from app.kit.module import Module
from app.kit.negotiation import Negotiated
from app.kit.settings import Settings
from app.kit.throttle import Throttle, new_counts
from app.kit.visits import VISITS, Visits
from app.kit.wakeups import Wakeups
from app.kit.worker import Worker, beside

MAX_BODY_BYTES = 64 * 1024


def connect(settings: Settings, modules: Sequence[Module], store: CacheStore, **context: object) -> Database:
    """Return the database of `settings`: its transactions let `modules` hear facts, its commits purge `store`.

    Its sessions carry `context` too.
    """
    heard = facts.hearers(hears for module in modules for hears in module.hears)
    carried = {facts.HEARERS: heard, jobs.AT_ONCE: "jobs" in settings.practices_off, **context}
    return Database(settings.database_url, carried, store.purge)


def build_app(settings: Settings, modules: Sequence[Module], *, title: str) -> Litestar:
    """Return the application that serves `modules`; nothing is opened before it starts.

    Raises SettingsError for a setting that can't work.
    """
    logs.configure(settings.log_level)
    store = CacheStore(settings.cache_url)
    wakeups = Wakeups(settings.database_url)
    visits = Visits()
    database = connect(settings, modules, store, **{job_inbox.WAKE: wakeups.wake, VISITS: visits})
    worker = Worker(
        database,
        jobs.by_name([*facts.JOBS, *(job for module in modules for job in module.jobs)]),
        wakeups,
        lease_seconds=settings.job_lease_seconds,
        gathers="batch" not in settings.practices_off,
    )
    counts = new_counts(settings, store.service)

    def provide_read() -> Read:
        return database.read

    def provide_write() -> Write:
        return database.write

    @asynccontextmanager
    async def open_and_close(_app: Litestar) -> AsyncGenerator[None]:
        await store.open()
        async with AsyncExitStack() as stack:
            if settings.worker_inside:
                await stack.enter_async_context(beside(worker))
            yield
        await counts.close()
        await database.close()
        await store.close()

    app = Litestar(
        [health.live, health.ready, *(controller for module in modules for controller in module.controllers)],
        dependencies={
            "read": Provide(provide_read, sync_to_thread=False),
            "write": Provide(provide_write, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[open_and_close],
        logging_config=None,
        middleware=[
            DefineMiddleware(
                HttpCache,
                cache=Cache(store),
                caches="cache" not in settings.practices_off,
                compresses="compress" not in settings.practices_off,
            )
        ],
        openapi_config=OpenAPIConfig(
            title=title,
            version="0.1.0",
            components=security.COMPONENTS,
            path=openapi.PATH,
            render_plugins=[ScalarRenderPlugin(path="/")],
        ),
        plugins=[openapi.ClosedInputs()],
        request_class=JsonRequest,
        response_class=Negotiated,
        request_max_body_size=MAX_BODY_BYTES,
        state=State({"settings": settings}),
    )
    _complete_allow_headers(app)
    # Around Litestar and not in it: its own middleware never sees a request that no route matches.
    handler = app.asgi_handler
    visits.app, visits.handler = app, handler
    if "throttle" not in settings.practices_off:
        handler = Throttle(handler, counts, settings, free={health.LIVE, health.READY})
    app.asgi_handler = RequestLog(Edge(handler, settings.request_seconds))
    return app


def _complete_allow_headers(app: Litestar) -> None:
    # Litestar 2.25 makes a path's OPTIONS handler with its first handler and forgets the methods of later ones.
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            handler, _ = route.route_handler_map["OPTIONS"]
            first: HTTPRoute = inspect.getclosurevars(handler.fn).nonlocals["self"]
            first.methods |= route.methods
