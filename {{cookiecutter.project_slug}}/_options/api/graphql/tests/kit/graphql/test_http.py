"""GraphQL over HTTP: what is a request, what its status is, and what nobody else's page may do."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import AsyncClient

from app.catalog import queries, service
from app.kit.app import build_app
from tests.conftest import TOKEN_HEADER, client_of, make_settings
from tests.door import A_WRITE, BOOKS, adding_book, getting, operation, said
from tests.modules import MODULES

TITLES = "{ books { nodes { title } } }"
MUTATION = 'mutation { giveBack(loanId: "1") { __typename } }'


async def test_a_query_is_answered_by_get_and_by_post(client: AsyncClient) -> None:
    answer = {"data": {"books": {"nodes": []}}}
    by_get = await client.get(f"/graphql?{urlencode({'query': TITLES})}")
    by_post = await client.post("/graphql", json={"query": TITLES})
    assert by_get.json() == by_post.json() == answer
    assert by_get.headers["Cache-Control"] == by_post.headers["Cache-Control"] == "private, no-store"


async def test_one_of_several_operations_is_named(client: AsyncClient) -> None:
    query = "query A { books { nodes { title } } } query B { book(id: 1) { title } }"
    named = await client.post("/graphql", json={"query": query, "operationName": "B"})
    assert named.json() == {"data": {"book": None}}
    for name in (None, "C"):
        refused = await client.post("/graphql", json={"query": query, "operationName": name})
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"3", b"{}", b'{"query": 3}', b'{"query": ""}', b'{"query": "{", "variables": []}'),
        *(b"\xff", b'{"query": null, "extensions": 3}', b'{"query": "query A"}', b"[" * 2000),
    ],
)
async def test_what_is_no_request_is_refused_in_words(client: AsyncClient, body: bytes) -> None:
    response = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"]
    assert response.headers["Cache-Control"] == "no-store"


async def test_batching_is_off(client: AsyncClient) -> None:
    response = await client.post("/graphql", json=[{"query": TITLES}] * 2)
    assert response.status_code == 400
    assert "Batching is off" in response.json()["errors"][0]["message"]


async def test_a_get_only_reads(client: AsyncClient) -> None:
    for address in (A_WRITE, f"/graphql?{urlencode({'query': MUTATION})}"):
        response = await client.get(address, headers=TOKEN_HEADER)
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_another_site_could_send_unasked_is_refused(client: AsyncClient, kind: str) -> None:
    body = json.dumps({"query": TITLES}).encode()
    response = await client.post("/graphql", content=body, headers={"Content-Type": kind})
    assert response.status_code == 415


async def test_who_asks_for_plain_json_hears_of_mistakes_in_the_body_alone(client: AsyncClient) -> None:
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        response = await client.post("/graphql", json={"query": "{ nope }"}, headers={"Accept": accept})
        assert response.status_code == status
        assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("{ books { nodes { titel } } }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'titel' on type 'Book'."),
        ("{ books(first: true) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED", "Int cannot represent"),
        ("{ books { nodes { id } }", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("query Q($a: ID!) { book(id: $a) { id } }", "BAD_USER_INPUT", "'$a'"),
        ("{ __schema { types { name } } }", "GRAPHQL_VALIDATION_FAILED", "introspection has been disabled"),
    ],
)
async def test_a_client_s_own_mistakes_are_told_and_nothing_it_did_not_know(
    client: AsyncClient, query: str, code: str, told: str
) -> None:
    (error, *_) = (await client.post("/graphql", json={"query": query})).json()["errors"]
    assert error["extensions"]["code"] == code
    assert told in error["message"]
    assert "Did you mean" not in error["message"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("first: 0", "a page holds 1 to 100"),
        ("first: 101", "a page holds"),
        ('after: "x"', "no cursor"),
        ('after: ""', "no cursor"),
    ],
)
async def test_a_page_that_there_is_not_is_refused_in_words(client: AsyncClient, arguments: str, told: str) -> None:
    response = await client.post("/graphql", json={"query": f"{{ books({arguments}) {{ nodes {{ id }} }} }}"})
    assert response.json()["data"] is None
    assert told in response.json()["errors"][0]["message"]
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_fault_of_ours_is_logged_and_tells_nothing(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(queries, "book_page", fail)
    monkeypatch.setattr(service, "add_book", fail)
    app = build_app(make_settings(DATABASE_URL=sqlite_database_url), MODULES, title="Tests")
    async with client_of(app) as client:
        for asked in (getting(BOOKS), adding_book(title="A", author="B")):
            response = await client.request(**asked)
            assert response.status_code == 500
            assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
            assert "secret" not in response.text
            assert "the secret of the house" in capsys.readouterr().err


async def test_a_browser_gets_graphiql_and_a_client_the_schema_only_to_explore(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for explore in (False, True):
        monkeypatch.setenv("GRAPHQL_EXPLORE", str(explore).lower())
        app = build_app(make_settings(DATABASE_URL=sqlite_database_url), MODULES, title="Tests")
        async with client_of(app) as client:
            page = await client.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
            assert ("<title>" in page.text) is explore
            schema = await client.post("/graphql", json={"query": "{ __schema { types { name } } }"})
            assert schema.is_success is explore
            wrong = await client.post("/graphql", json={"query": "{ bookz { nodes { id } } }"})
            assert ("Did you mean" in wrong.text) is explore
            if explore:
                assert "unpkg.com" in page.headers["Content-Security-Policy"]


async def test_a_null_where_none_may_be_is_an_error_and_no_answer(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(await client.request(**adding_book(title="A", author="B")))
    shown = queries.BOOK.views

    def forget_titles(*given: Any) -> list[Any]:
        views: list[Any] = [*shown(*given)]
        for view in views:
            view.title = None
        return views

    monkeypatch.setattr(queries.BOOK, "views", forget_titles)
    response = await client.request(**operation("book", id="1"))
    assert response.json()["data"] == {"book": None}
    assert response.json()["errors"][0]["path"] == ["book", "title"]
