"""Builds the ASGI application from settings and modules."""

import gc
import inspect
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi.spec import Tag
from litestar.routes import HTTPRoute

from app.kit import events, facts, health, jobs, logs, openapi
from app.kit.bodies import JsonRequest
from app.kit.cache import Cache
from app.kit.cache_store import CacheStore
from app.kit.carbon.deferral import new_deferral
from app.kit.database import Database, Read, Write
from app.kit.disclosures import carbon_txt
from app.kit.edge import Edge
from app.kit.errors import EXCEPTION_HANDLERS
from app.kit.http_cache import HttpCache
from app.kit.jobs.inbox import WAKE
from app.kit.jobs.wakeups import Wakeups
from app.kit.jobs.worker import Worker, beside
from app.kit.logs import RequestLog
from app.kit.metrics import Metrics, show
from app.kit.module import Module, controllers_of
from app.kit.negotiation import Negotiated
from app.kit.outgoing import SYSTEMS, System
from app.kit.query_log import QueryLog
from app.kit.settings import Settings
from app.kit.static_site import SITE, new_site
from app.kit.tasks import Tasks
from app.kit.throttle import Throttle, new_counts
from app.kit.visits import VISITS, Visits

MAX_BODY_BYTES = 64 * 1024


def connect(
    settings: Settings,
    modules: Sequence[Module],
    store: CacheStore,
    consumers: Sequence[events.Consumer],
    **context: object,
) -> Database:
    """Return the database of `settings`: its commits purge `store`, `modules` and `consumers` hear its facts.

    Its sessions carry `context` too.
    """
    heard = facts.hearers(hears for module in modules for hears in module.hears)
    carried = {
        facts.HEARERS: heard,
        facts.TELLERS: [consumer.tell for consumer in consumers],
        jobs.AT_ONCE: "jobs" in settings.practices_off,
        SITE: new_site(settings),
        **context,
    }
    return Database(settings.database_url, carried, store.purge)


def build_app(settings: Settings, modules: Sequence[Module], *, title: str) -> Litestar:
    """Return the application that serves `modules`; nothing is opened before it starts.

    Raises SettingsError for a setting that can't work.
    """
    logs.configure(settings.log_level)
    store = CacheStore(settings.cache_url)
    cache = Cache(store)
    wakeups = Wakeups(settings.database_url)
    visits = Visits()
    names = [module.name for module in modules]
    consumers = events.consumers(settings, names)
    systems = _systems(settings, modules)
    context = {WAKE: wakeups.wake, VISITS: visits, SYSTEMS: {system.name: system for system in systems}}
    database = connect(settings, modules, store, consumers, **context)
    called = [*systems, *(consumer.system for consumer in consumers)]
    metrics = Metrics(called)
    deferral = new_deferral(settings, database.write)
    worker = Worker(
        database,
        _jobs(modules, consumers),
        wakeups,
        lease_seconds=settings.job_lease_seconds,
        choose_start=deferral.start_for,
        note=metrics.note_job,
        gathers="batch" not in settings.practices_off,
    )
    counts = new_counts(settings, store.service)
    tasks = Tasks()
    count_queries = "query_log" not in settings.practices_off
    if count_queries:
        QueryLog(database, tasks, slow_ms=settings.slow_query_ms, repeated=settings.repeated_statement)

    inbound = events.receivers(settings.events_secret, names)

    def provide_read() -> Read:
        return database.read

    def provide_write() -> Write:
        return database.write

    def provide_metrics() -> Metrics:
        return metrics

    def provide_tasks() -> Tasks:
        return tasks

    @asynccontextmanager
    async def open_and_close(_app: Litestar) -> AsyncGenerator[None]:
        await cache.open()
        # What start-up made stays as long as the process: no collection needs to go through it again.
        gc.collect()
        gc.freeze()
        async with AsyncExitStack() as stack:
            if settings.worker_inside:
                await stack.enter_async_context(beside(worker))
            yield
        await tasks.drain()
        await deferral.close()
        for system in called:
            await system.close()
        await counts.close()
        await database.close()
        await store.close()

    app = Litestar(
        [health.live, health.ready, show, carbon_txt, *inbound, *controllers_of(modules)],
        dependencies={
            "metrics": Provide(provide_metrics, sync_to_thread=False),
            "read": Provide(provide_read, sync_to_thread=False),
            "tasks": Provide(provide_tasks, sync_to_thread=False),
            "write": Provide(provide_write, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[open_and_close],
        logging_config=None,
        middleware=[
            DefineMiddleware(
                HttpCache,
                cache=cache,
                caches="cache" not in settings.practices_off,
                compresses="compress" not in settings.practices_off,
            )
        ],
        openapi_config=openapi.config(title, [*(Tag(module.name, module.about) for module in modules), health.TAG]),
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
        handler = Throttle(handler, counts, settings, free={health.LIVE, health.READY, events.PATH})
    handler = Edge(handler, settings.request_seconds)
    app.asgi_handler = RequestLog(handler, metrics.note_request, every=settings.log_every, count_queries=count_queries)
    return app


def _jobs(modules: Sequence[Module], consumers: Sequence[events.Consumer]) -> Mapping[str, jobs.Job]:
    declared = (job for module in modules for job in module.jobs)
    return jobs.by_name([*facts.JOBS, *(consumer.tell for consumer in consumers), *declared])


def _systems(settings: Settings, modules: Sequence[Module]) -> list[System]:
    return [made for module in modules for new in module.systems if (made := new(settings)) is not None]


def _complete_allow_headers(app: Litestar) -> None:
    # Litestar 2.25 makes a path's OPTIONS handler with its first handler and forgets the methods of later ones.
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            handler, _ = route.route_handler_map["OPTIONS"]
            first: HTTPRoute = inspect.getclosurevars(handler.fn).nonlocals["self"]
            first.methods |= route.methods
