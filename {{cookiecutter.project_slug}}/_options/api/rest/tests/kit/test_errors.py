"""Every error is a problem detail (RFC 9457), whoever raises it."""

import pytest
from httpx import AsyncClient
from litestar import Controller, get
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.app import build_app
from app.kit.jobs import job
from app.kit.module import Module
from app.kit.parameters import Writes
from tests.conftest import TOKEN_HEADER, NewDatabase, client_of, make_settings, nothing
from tests.jobsite import Site


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/books/1", None, 404),
        ("GET", "/docs/nowhere", None, 404),
        ("GET", "/books?limit=0", None, 400),
        ("DELETE", "/books", None, 405),
        ("POST", "/books", b"{", 400),
        ("POST", "/books", b" " * 70_000, 413),
    ],
)
async def test_an_error_is_a_problem(
    client: AsyncClient, method: str, path: str, content: bytes | None, status: int
) -> None:
    response = await client.request(method, path, content=content, headers=TOKEN_HEADER)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


async def test_a_body_that_is_too_large_hears_the_limit(client: AsyncClient) -> None:
    problem = (await client.post("/books", content=b" " * 70_000, headers=TOKEN_HEADER)).json()
    assert (problem["title"], problem["detail"]) == ("Content Too Large", "The body has more than 64 KiB.")


async def test_a_path_names_all_its_methods(client: AsyncClient) -> None:
    for response in (await client.options("/books"), await client.delete("/books")):
        assert sorted(response.headers["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]


class Broken(Controller):
    """A handler with a fault."""

    path = "/broken"

    @get()
    async def fail(self) -> None:
        """Fail with something that must not get out."""
        raise RuntimeError("the secret recipe")


async def test_a_fault_of_ours_is_logged_and_tells_nothing(
    sqlite_databases: NewDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(DATABASE_URL=sqlite_databases())
    module = Module(name="broken", controllers=[Broken], seed=nothing)
    async with client_of(build_app(settings, [module], title="Tests")) as client:
        response = await client.get("/broken")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in response.text
    assert "the secret recipe" in capsys.readouterr().err


SOMEBODY = "Ada Byron"


class Leaky(Controller):
    """A handler whose statement the database refuses, quoting what it was given."""

    path = "/leaky"

    @get()
    async def fail(self, write: Writes) -> None:
        """Add the same author twice."""
        await write(add_twice)


async def add_twice(session: AsyncSession) -> None:
    await leave_secret(session)
    await leave_secret(session)


async def leave_secret(session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO catalog_author (name) VALUES (:name)"), {"name": SOMEBODY})


async def test_no_value_of_a_row_gets_into_the_log_or_a_dead_letter(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @job(retries=0)
    async def leak(session: AsyncSession) -> None:
        await add_twice(session)

    site = Site(database_url)
    await site.enqueue(leak)
    async with site.working(leak):
        pass
    (dead,) = await site.jobs()
    await site.database.close()
    app = build_app(
        make_settings(DATABASE_URL=database_url), [Module(name="l", controllers=[Leaky], seed=nothing)], title="T"
    )
    async with client_of(app) as client:
        assert (await client.get("/leaky")).status_code == 500
    logged = capsys.readouterr().err
    for told in (dead.error, logged):
        assert "IntegrityError" in told
        assert SOMEBODY not in told
