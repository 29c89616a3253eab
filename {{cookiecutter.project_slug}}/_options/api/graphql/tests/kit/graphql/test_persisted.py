"""Persisted queries: asked for by their hash, and cached as any public page is."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx import AsyncClient

from app.kit.app import build_app
from app.kit.graphql import engine
from app.kit.graphql.persisted import BadOperation
from tests.conftest import TOKEN_HEADER, client_of, make_settings
from tests.door import A_WRITE, BOOKS, adding_book, at, book_at, changing_book, said, text_of
from tests.modules import MODULES

HIT, MISS = "app; hit", "app; fwd=miss; stored"


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which each GraphQL execution is added."""
    executed: list[str] = []
    execute = engine.execute

    def noted(*given: Any, **named: Any) -> Any:
        executed.append(str(named["operation_name"]))
        return execute(*given, **named)

    monkeypatch.setattr(engine, "execute", noted)
    return executed


async def test_a_hit_executes_nothing_and_a_write_purges_it(client: AsyncClient, executions: list[str]) -> None:
    for number in (1, 2):
        said(await client.request(**adding_book(title=f"Volume {number}", author="Somebody")))
    executions.clear()
    for address in (BOOKS, book_at(1), book_at(2)):
        first, second = await client.get(address), await client.get(address)
        assert (first.headers["Cache-Status"], second.headers["Cache-Status"]) == (MISS, HIT)
        assert first.content == second.content
        assert 'desc="0 queries"' in second.headers["Server-Timing"]
        conditional = await client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (conditional.status_code, conditional.content) == (304, b"")
    assert executions == ["Books", "Book", "Book"]
    said(await client.request(**changing_book(1, title="Dawn")))
    assert [book["title"] for book in said(await client.get(BOOKS))] == ["Dawn", "Volume 2"]
    assert said(await client.get(book_at(1)))["title"] == "Dawn"
    assert (await client.get(book_at(2))).headers["Cache-Status"] == HIT


async def test_a_missing_book_is_null_until_it_is_there(client: AsyncClient) -> None:
    for _ in range(2):
        assert (await client.get(book_at(1))).json() == {"data": {"book": None}}
    said(await client.request(**adding_book(title="Kindred", author="Octavia E. Butler")))
    assert said(await client.get(book_at(1)))["title"] == "Kindred"
    assert (await client.get(at("book", id="01"))).json() == {"data": {"book": None}}  # or it would outlive a write


async def test_an_answer_is_one_entry_however_its_address_is_written(client: AsyncClient) -> None:
    digest = hashlib.sha256(text_of("books").encode()).hexdigest()
    extensions = f'{{"persistedQuery": {{"sha256Hash": "{digest}", "version": 1}}}}'
    assert (await client.get(BOOKS)).headers["Cache-Status"] == MISS
    for variables in ("{}", "null", '{"first": 20}', '{"search": "", "first": 20, "unknown": 1}'):
        address = f"/graphql?variables={quote(variables)}&extensions={quote(extensions)}&operationName=Books&x=1"
        assert (await client.get(address)).headers["Cache-Status"] == HIT, variables
    assert (await client.get(at("books", first=19))).headers["Cache-Status"] == MISS


async def test_what_is_private_written_out_or_wrong_is_kept_by_nobody(client: AsyncClient) -> None:
    for address in (at("members"), at("books", first="x"), at("books", first=101), at("books", after="x"), A_WRITE):
        for _ in range(2):
            response = await client.get(address, headers=TOKEN_HEADER)
            assert "no-store" in response.headers["Cache-Control"]
            assert "ETag" not in response.headers
            response = await client.get(address)
            assert "no-store" in response.headers["Cache-Control"]
            assert "ETag" not in response.headers


async def test_a_hash_works_by_post_too_and_an_unknown_one_is_said_to_be(client: AsyncClient) -> None:
    for name, status in (("books", 200), ("nothing", 400)):
        text = text_of("books") if name == "books" else name
        persisted = {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}
        response = await client.post("/graphql", json={"extensions": {"persistedQuery": persisted}})
        assert response.status_code == status
    assert response.json()["errors"][0] == {
        "message": "PersistedQueryNotFound",
        "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
    }


async def test_only_persisted_operations_are_answered_where_a_setting_says_so(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHQL_PERSISTED_ONLY", "true")
    app = build_app(make_settings(DATABASE_URL=sqlite_database_url), MODULES, title="Tests")
    async with client_of(app) as client:
        assert (await client.get(BOOKS)).status_code == 200
        refused = await client.post("/graphql", json={"query": "{ books { nodes { id } } }"})
        assert refused.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"
        said(await client.request(**adding_book(title="A", author="B")))


@pytest.mark.parametrize(
    ("text", "told"),
    [("query Books { nope }", "Cannot query field"), ("{ books { nodes { id } } }", "a name"), ("{", "Syntax Error")],
)
async def test_a_file_that_is_no_operation_of_the_schema_stops_the_start(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "wrong.graphql").write_text(text, encoding="utf-8")
    monkeypatch.setattr(MODULES[0].controllers[0], "operations", tmp_path)
    with pytest.raises(BadOperation, match=rf"wrong\.graphql.*{told}"):
        build_app(make_settings(DATABASE_URL=sqlite_database_url), MODULES, title="Tests")
