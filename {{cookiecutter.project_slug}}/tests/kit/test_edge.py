"""The edge: bounds of size and time, HEAD, and the headers that guard every answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from httpx import AsyncClient
from litestar import Controller, Litestar, get
from litestar.response import Stream
from structlog.testing import CapturedCall, CapturingLogger

from app.kit import edge
from app.kit.app import build_app
from app.kit.module import Module
from tests.conftest import TOKEN, TOKEN_HEADER, NewDatabase, client_of, make_settings, nothing
from tests.door import A_WRITE, BOOKS, DOOR, NO_BOOKS, book_at, said
from tests.modules import MODULES
from tests.server import PROJECT, Server, serving

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
SHORT = 0.5


@pytest.fixture(scope="module")
def server(sqlite_databases: NewDatabase) -> Iterator[Server]:
    """Yield a real server that gives a request half a second."""
    settings = {"API_TOKEN": TOKEN, "DATABASE_URL": sqlite_databases(), "REQUEST_SECONDS": str(SHORT)}
    with serving("serve", PROJECT, **settings) as server:
        yield server


def exchange(server: Server, *lines: str, body: bytes = b"") -> bytes:
    """Return all that the server sends, until it closes, to a request of these lines."""
    url = httpx.URL(server.address)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall("\r\n".join((*lines, "Host: x", "", "")).encode() + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (BOOKS, {"X-Long": "x" * 100_000}, 431),
        (BOOKS, {"X-Fits": "x" * 15_000}, 200),
        (BOOKS, {f"X-{number}": "x" for number in range(101)}, 431),
        ("/" + "x" * 9_000, {}, 414),
        ("/health/live?q=" + "x" * 9_000, {}, 414),
    ],
    ids=["long header", "header that fits", "many headers", "long path", "long query"],
)
def test_what_is_too_large_is_refused(server: Server, path: str, headers: dict[str, str], status: int) -> None:
    response = httpx.get(server.address + path, headers=headers)
    if status == 200:
        assert response.is_success
    else:
        assert_problem(response, status)
        assert response.headers["Connection"] == "close"


def test_a_body_that_does_not_say_its_length_is_refused_when_it_gets_too_long(server: Server) -> None:
    chunks = (b" " * 10_000 for _ in range(7))
    headers = {**TOKEN_HEADER, "Content-Type": "application/json"}
    response = httpx.post(server.address + DOOR, content=chunks, headers=headers)
    assert_problem(response, 413)


def test_a_body_that_does_not_arrive_ends_in_a_timeout_and_a_closed_connection(server: Server) -> None:
    head = (f"POST {DOOR} HTTP/1.1", f"Authorization: Bearer {TOKEN}", "Content-Length: 100")
    answer = exchange(server, *head, body=b'{"title"')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert b"application/problem+json" in answer
    assert httpx.get(server.address + BOOKS).is_success


class Slow(Controller):
    """Handlers that never end."""

    path = "/slow"
    ended = 0

    @get()
    async def wait(self) -> None:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            Slow.ended += 1

    @get("/half")
    async def half(self) -> Stream:
        """Send the half of an answer, and wait for ever."""

        async def content() -> AsyncIterator[bytes]:
            yield b"half"
            await asyncio.Event().wait()

        return Stream(content())


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[CapturedCall]:
    """Return the list to which the edge's log goes."""
    logger = CapturingLogger()
    monkeypatch.setattr(edge, "log", logger)
    return logger.calls


@pytest.fixture
def slow_app(sqlite_database_url: str) -> Litestar:
    """Return an application with slow handlers and little patience."""
    settings = make_settings(DATABASE_URL=sqlite_database_url, REQUEST_SECONDS="0.1")
    module = Module(name="slow", controllers=[Slow], seed=nothing)
    return build_app(settings, [module], title="Tests")


async def test_a_handler_that_takes_too_long_is_ended(slow_app: Litestar, logged: list[CapturedCall]) -> None:
    ended = Slow.ended
    async with client_of(slow_app) as client:
        response = await client.get("/slow")
    assert_problem(response, 503)
    assert response.headers["Retry-After"] == "5"
    assert Slow.ended == ended + 1
    assert [call.args for call in logged] == [("request took too long",)]


async def test_an_answer_that_has_begun_is_not_ended_as_if_it_were_whole(
    slow_app: Litestar, logged: list[CapturedCall]
) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()  # the client keeps quiet, and connected

    path = {"path": "/slow/half", "raw_path": b"/slow/half", "root_path": "", "query_string": b""}
    scope: Any = {"type": "http", "method": "GET", "scheme": "http", "headers": [], "client": ("127.0.0.1", 1), **path}
    await slow_app(scope, receive, send)
    assert [message.get("status") or message["more_body"] for message in sent] == [200, True]
    assert [call.args for call in logged] == [("request took too long",)]


@pytest.mark.parametrize(("path", "status"), [(BOOKS, 200), ("/nowhere", 404), (NO_BOOKS, 400)])
async def test_every_answer_carries_the_headers_that_guard_it(client: AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert {name: response.headers[name] for name in GUARDS} == GUARDS
    assert "Strict-Transport-Security" not in response.headers


async def test_https_is_for_ever(sqlite_database_url: str) -> None:
    app = build_app(make_settings(DATABASE_URL=sqlite_database_url), MODULES, title="Tests")
    async with client_of(app) as client:
        response = await client.get(f"https://library.example{BOOKS}")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_the_page_of_the_api_may_load_its_script_and_nothing_else(client: AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src https://cdn.jsdelivr.net;")
    assert "connect-src 'self'" in policy


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_no_other_origin_gets_leave_to_read(client: AsyncClient, method: str) -> None:
    preflight = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    response = await client.request(method, DOOR, headers=preflight)
    assert [name for name in response.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize("path", [BOOKS, book_at(1), "/docs", "/docs/openapi.json", "/health/ready", "/nowhere"])
def test_head_answers_as_get_does_without_a_body(server: Server, path: str) -> None:
    given = httpx.get(server.address + path)
    head = httpx.head(server.address + path)
    changing = {"age", "date", "ratelimit", "cache-status", "server-timing"}
    assert head.status_code == given.status_code
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in given.headers.items() if k not in changing
    }
    assert int(head.headers["Content-Length"]) > 0
    assert head.content == b""


def test_a_connection_goes_on_after_head(server: Server) -> None:
    with httpx.Client(base_url=server.address) as client:
        assert client.head(BOOKS).status_code == 200
        assert said(client.get(BOOKS)) == []


async def test_head_is_no_way_to_write(client: AsyncClient) -> None:
    response = await client.head(A_WRITE, headers=TOKEN_HEADER)
    assert response.status_code == 405
    assert "HEAD" not in response.headers["Allow"]
