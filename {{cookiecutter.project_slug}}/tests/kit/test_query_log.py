"""What requests ask of the database is counted, and what is slow or repeats itself is reported."""

import asyncio
import importlib
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Controller, get
from litestar.params import FromQuery
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry

from app.kit.app import build_app
from app.kit.module import Module
from app.kit.parameters import Reads, Writes
from tests.conftest import TOKEN_HEADER, client_of, make_settings, nothing
from tests.door import BOOKS, DOOR, LINE_OF_A_BOOK, NO_BOOKS, adding_book, book_at, books_at, changing_book, is_conflict
from tests.modules import MODULES

ONE = text("SELECT 1")
BOOK = {"title": "The Word for World Is Forest", "author": "Ursula K. Le Guin", "isbn": "9780765324641"}


class Asking(Controller):
    """Handlers that ask the database more or less often."""

    path = "/ask"

    @get()
    async def ask(self, read: Reads, times: FromQuery[int]) -> None:
        """Run so many different statements."""
        for number in range(times):
            await read.all(text(f"SELECT {number}"))

    @get("/again")
    async def ask_again(self, read: Reads, times: FromQuery[int]) -> None:
        """Run one statement so many times."""
        for _ in range(times):
            await read.all(ONE)

    @get("/many")
    async def write_many(self, write: Writes, rows: FromQuery[int]) -> None:
        """Write so many rows with one statement, in the end undone."""
        with pytest.raises(LookupError):
            await write(insert_and_fail, rows)


async def insert_and_fail(session: AsyncSession, rows: int) -> None:
    insert: Executable = text("INSERT INTO catalog_author (name) VALUES (:name)")
    await session.execute(insert, [{"name": f"Author {number}"} for number in range(rows)])
    raise LookupError


@asynccontextmanager
async def asking(database_url: str, **given: str) -> AsyncGenerator[AsyncClient]:
    settings = make_settings(DATABASE_URL=database_url, **given)
    modules = [*MODULES, Module(name="asking", controllers=[Asking], seed=nothing)]
    async with client_of(build_app(settings, modules, title="Tests")) as client:
        yield client


def queries(response: Any) -> int:
    found = re.fullmatch(
        r'db;dur=\d+\.\d;desc="(\d+) quer(?:y|ies)", app;dur=\d+\.\d(?:;desc="\w+")?', response.headers["Server-Timing"]
    )
    assert found is not None, response.headers["Server-Timing"]
    return int(found[1])


async def test_every_answer_says_what_it_asked_of_the_database(client: AsyncClient) -> None:
    added = await client.request(**adding_book(**BOOK))
    assert queries(added) == 9
    assert queries(await client.get(BOOKS)) == 1
    assert queries(await client.get(book_at(2))) == 1
    assert queries(await client.get("/health/live")) == 0
    for refused in (await client.get("/nowhere"), await client.get(NO_BOOKS), await client.delete(DOOR)):
        assert refused.is_client_error
        assert queries(refused) == 0


async def test_a_statement_that_fails_counts_too(client: AsyncClient) -> None:
    await client.request(**adding_book(**BOOK))
    again = await client.request(**adding_book(**BOOK))
    assert is_conflict(again)
    assert queries(again) == 2  # the author, and the book that has its ISBN already


async def test_requests_at_the_same_time_are_counted_apart(database_url: str) -> None:
    async with asking(database_url) as client:
        answers = await asyncio.gather(*(client.get("/ask", params={"times": times}) for times in range(20)))
    assert [queries(answer) for answer in answers] == list(range(20))


async def test_a_third_run_of_a_statement_fails_a_request_of_the_tests(database_url: str) -> None:
    async with asking(database_url) as client:
        assert (await client.get("/ask/again", params={"times": 2})).is_success
        assert (await client.get("/ask/again", params={"times": 3})).status_code == 500


async def test_many_rows_of_one_statement_are_one_query(database_url: str) -> None:
    async with asking(database_url) as client:
        answer = await client.get("/ask/many", params={"rows": 50})
    assert answer.is_success
    assert queries(answer) == 1


async def test_the_query_log_can_be_switched_off(database_url: str) -> None:
    async with asking(database_url, PRACTICES_OFF="query_log") as client:
        answer = await client.get("/ask/again", params={"times": 3})
    assert answer.is_success
    assert "Server-Timing" not in answer.headers


def test_no_relationship_loads_itself() -> None:
    """A row that fetched its neighbours by itself would do so once a row."""
    bases = [importlib.import_module(f"app.{module.name}.models").Base for module in MODULES]
    registries: list[registry] = [base.registry for base in bases]
    relationships = [each for kept in registries for mapper in kept.mappers for each in mapper.relationships]
    assert relationships
    for each in relationships:
        assert each.lazy == "raise", f"{each} needs lazy='raise'"


def lines(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    """Return what the log says of `event`, and leave the log empty."""
    every = (json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{"))
    return [line for line in every if line["event"] == event]


async def test_a_slow_statement_is_logged_with_its_caller_and_plan_and_without_its_values(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(database_url, LOG_LEVEL="warning", SLOW_QUERY_MS="0") as client:
        await client.request(**adding_book(**BOOK))
        await client.get(books_at(search="forest"))
        await client.request(**changing_book(1, title="Forest\nSecret"))
    slow = lines(capsys, "slow query")
    search = next(line for line in slow if "ORDER BY" in line["statement"])
    assert re.search(r"catalog.queries\.py:\d+ book_page$", search["caller"])
    assert search["parameters"]["str"] == 1
    assert search["ms"] > 0
    assert any("catalog_book_word" in step for step in search["plan"]), search["plan"]
    words = next(line for line in slow if line["statement"].startswith("INSERT INTO catalog_book_word"))
    assert words["rows"] == len({"the", "word", "for", "world", "is", "forest", "ursula", "k", "le", "guin"})
    for line in slow:
        assert not {"forest", "Forest", "Le Guin", BOOK["isbn"]} & set(re.findall(r"\w+", json.dumps(line))), line
        assert not any("not taken" in step for step in line.get("plan", ())), line


async def test_a_plan_is_taken_once_an_hour(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with asking(database_url, LOG_LEVEL="warning", SLOW_QUERY_MS="0") as client:
        for _ in range(3):
            await client.get(book_at(1), headers=TOKEN_HEADER)  # which the cache leaves alone
    assert sorted("plan" in line for line in lines(capsys, "slow query")) == [False, False, True]


async def test_a_quick_statement_is_not_logged(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with asking(database_url, LOG_LEVEL="warning", SLOW_QUERY_MS="60000") as client:
        await client.get(book_at(1))
    assert lines(capsys, "slow query") == []


async def test_a_third_run_of_a_statement_warns_once_in_production(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(database_url, LOG_LEVEL="warning", REPEATED_STATEMENT="warn") as client:
        assert (await client.get("/ask/again", params={"times": 2})).is_success
        assert lines(capsys, "repeated statement") == []
        assert (await client.get("/ask/again", params={"times": 9})).is_success
    (line,) = lines(capsys, "repeated statement")
    assert line["statement"] == "SELECT 1"


async def test_a_request_is_one_line_with_its_route_and_cost(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(database_url, LOG_LEVEL="info") as client:
        await client.get(book_at(7))
        await client.head(book_at(8))
    for line, method in zip(lines(capsys, "request"), ("GET", "HEAD"), strict=True):
        assert {name: line.get(name) for name in LINE_OF_A_BOOK} == LINE_OF_A_BOOK | {"method": method}
        assert line["ms"] >= line["sql_ms"] > 0


async def test_of_healthy_requests_every_so_manyth_has_a_line_and_a_failed_one_always(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(database_url, LOG_LEVEL="info", LOG_EVERY="10") as client:
        for _ in range(25):
            await client.get("/health/live")
        assert len(lines(capsys, "request")) == 2
        await client.get("/ask/again", params={"times": 3})
    (line,) = lines(capsys, "request")
    assert line["status"] == 500
