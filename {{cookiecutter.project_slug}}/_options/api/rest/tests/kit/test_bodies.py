"""Bodies that come in are JSON of the right types, or the answer names what is wrong."""

from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Controller, post
from litestar.params import JSONBody

from app.kit.app import build_app
from app.kit.module import Module
from tests.conftest import TOKEN_HEADER, client_of, make_settings, nothing

BOOK = {"title": "A", "author": "B"}
LINE = "Expected one line of text that starts with a visible character."


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/books", {**BOOK, "copies": "3"}, "copies"),
        ("/books", {**BOOK, "copies": 3.5}, "copies"),
        ("/books", {**BOOK, "copies": True}, "copies"),
        ("/books", {**BOOK, "title": 3}, "title"),
        ("/books", {**BOOK, "isbn": 9780441478125}, "isbn"),
        ("/loans", {"book_id": "1", "member_id": 1}, "book_id"),
        ("/loans", {"book_id": 1, "member_id": "1"}, "member_id"),
        ("/books", [], "body"),
    ],
)
async def test_a_value_of_another_type_is_refused_by_name(
    client: AsyncClient, path: str, body: Any, field: str
) -> None:
    response = await client.post(path, json=body, headers=TOKEN_HEADER)
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert error["message"].startswith("Expected `")


async def test_a_number_in_quotes_is_no_change_either(client: AsyncClient) -> None:
    await client.post("/books", json=BOOK, headers=TOKEN_HEADER)
    response = await client.patch("/books/1", json={"copies": "3"}, headers=TOKEN_HEADER)
    assert response.json()["errors"] == [{"field": "copies", "message": "Expected `int`, got `str`"}]
    assert (await client.get("/books/1")).json()["copies"] == 1


@pytest.mark.parametrize("copies", [b"3", b"3.0", b"0.3e1"])
async def test_a_whole_number_is_an_integer_however_it_is_written(client: AsyncClient, copies: bytes) -> None:
    content = b'{"title": "A", "author": "B", "copies": ' + copies + b"}"
    response = await client.post("/books", content=content, headers=TOKEN_HEADER)
    assert response.json()["copies"] == 3


@pytest.mark.parametrize("copies", [b"1e999", b"9" * 5000], ids=["exponent", "digits"])
async def test_a_number_beyond_all_bounds_is_refused(client: AsyncClient, copies: bytes) -> None:
    content = b'{"title": "A", "author": "B", "copies": ' + copies + b"}"
    response = await client.post("/books", content=content, headers=TOKEN_HEADER)
    assert response.status_code == 400
    assert "out of range" in response.text


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        ("/books", {**BOOK, "title": " a"}, "title", LINE),
        ("/books", {**BOOK, "author": ""}, "author", "Expected `str` of length >= 1"),
        (
            "/books",
            {**BOOK, "isbn": "978-0441478125"},
            "isbn",
            "Expected an ISBN of 10 or 13 characters without hyphens: digits, and X at the end of 10.",
        ),
        (
            "/members",
            {"name": "Ada", "email": "ada at example.org"},
            "email",
            "Expected an e-mail address in ASCII, with one `@` and no space.",
        ),
    ],
)
async def test_a_text_that_is_not_as_it_must_be_is_refused_in_a_sentence(
    client: AsyncClient, path: str, body: Any, field: str, message: str
) -> None:
    response = await client.post(path, json=body, headers=TOKEN_HEADER)
    assert response.status_code == 400
    assert response.json()["errors"] == [{"field": field, "message": message}]


@pytest.mark.parametrize(
    "title",
    ["\N{NO-BREAK SPACE}", "\N{ZERO WIDTH SPACE}", "\N{IDEOGRAPHIC SPACE}A"]
    + [f"A{end}B" for end in ("\n", "\v", "\x85", "\N{LINE SEPARATOR}", "\N{PARAGRAPH SEPARATOR}")],
    ids=ascii,
)
async def test_a_title_is_one_line_that_one_can_see(client: AsyncClient, title: str) -> None:
    response = await client.post("/books", json={**BOOK, "title": title}, headers=TOKEN_HEADER)
    assert response.json()["errors"] == [{"field": "title", "message": LINE}]


class Anything(Controller):
    """A handler that takes whatever is JSON."""

    path = "/anything"

    @post(status_code=200)
    async def take(self, data: JSONBody[dict[str, Any]]) -> list[str]:
        """Return the names of what came."""
        return list(data)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b'{"a": {"b": [1]}}', 200, '["a"]'),
        (b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "The body is nested too deeply."),
        (b'{"a": ' + b'{"a": ' * 1000 + b"1" + b"}" * 1001, 400, "The body is nested too deeply."),
        (b'{"a": nonsense}', 400, "The body is not valid JSON"),
    ],
    ids=["sound", "arrays", "objects", "nonsense"],
)
async def test_a_body_too_deep_to_be_read_is_the_clients_error(
    sqlite_database_url: str, content: bytes, status: int, said: str
) -> None:
    module = Module(name="anything", controllers=[Anything], seed=nothing)
    async with client_of(build_app(make_settings(DATABASE_URL=sqlite_database_url), [module], title="Tests")) as client:
        response = await client.post("/anything", content=content)
    assert response.status_code == status
    assert said in response.text


async def test_a_deep_body_is_refused_where_it_stops_making_sense(client: AsyncClient) -> None:
    for content in (b"[" * 1000 + b"]" * 1000, b'{"title": ' + b"[" * 1000 + b"]" * 1000 + b"}"):
        assert (await client.post("/books", content=content, headers=TOKEN_HEADER)).status_code == 400
