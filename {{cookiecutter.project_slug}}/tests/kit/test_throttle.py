"""Throttling: each token and each address has its count, in memory or on a shared Valkey, which may fail."""

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from litestar import Litestar

from app.kit import throttle
from app.kit.app import build_app
from tests.conftest import TOKEN, TOKEN_HEADER, make_settings
from tests.door import BOOKS
from tests.modules import MODULES
from tests.server import PROJECT, Server, serving

if TYPE_CHECKING:
    from tests.valkey import Valkey

DEADLINE_SECONDS = 10
THREE = "3/hour"


@asynccontextmanager
async def running(database_url: str, cache_url: str = "", rate_limit: str = THREE) -> AsyncGenerator[Litestar]:
    settings = make_settings(DATABASE_URL=database_url, CACHE_URL=cache_url, RATE_LIMIT=rate_limit)
    app = build_app(settings, MODULES, title="Tests")
    async with app.lifespan():  # in the event loop of the requests, which a connection to Valkey does not leave
        yield app


def client_at(address: str, app: Any, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://library", headers=headers)


async def statuses(
    app: Litestar, times: int, address: str = "192.0.2.1", headers: dict[str, str] | None = None, path: str = BOOKS
) -> list[int]:
    async with client_at(address, app, headers) as client:
        return [(await client.get(path)).status_code for _ in range(times)]


async def test_a_caller_who_asks_too_much_is_told_when_to_come_back(sqlite_database_url: str, cache_url: str) -> None:
    async with running(sqlite_database_url, cache_url) as app, client_at("192.0.2.1", app) as client:
        answers = [await client.get(BOOKS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    for left, answer in zip((2, 1, 0, 0), answers, strict=True):
        limit, reset = answer.headers["RateLimit"].split(";t=")
        assert limit == f'"default";r={left}'
        assert 1 <= int(reset) <= 3600
        assert answer.headers["RateLimit-Policy"] == '"default";q=3;w=3600'
    refused = answers[-1]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["title"] == "Too Many Requests"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit"].partition(";t=")[2]


async def test_the_next_window_starts_from_nothing(sqlite_database_url: str, cache_url: str) -> None:
    async with running(sqlite_database_url, cache_url, "1/second") as app:
        deadline = time.monotonic() + DEADLINE_SECONDS
        for status in (429, 200, 429, 200):
            while (await statuses(app, 1))[0] != status:
                assert time.monotonic() < deadline


async def test_the_token_has_a_count_of_its_own_and_a_made_up_one_has_not(
    sqlite_database_url: str, cache_url: str
) -> None:
    async with running(sqlite_database_url, cache_url) as app:
        for number in range(3):
            assert await statuses(app, 1, headers={"Authorization": f"Bearer made-up-{number}"}) == [200]
        assert await statuses(app, 1) == [429]
        assert await statuses(app, 4, headers=TOKEN_HEADER) == [200, 200, 200, 429]
        assert await statuses(app, 1, "192.0.2.2", headers=TOKEN_HEADER) == [429]


async def test_each_address_has_its_count_and_a_network_of_ipv6_has_one(
    sqlite_database_url: str, cache_url: str
) -> None:
    async with running(sqlite_database_url, cache_url) as app:
        for address in ("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.3", "::ffff:192.0.2.4"):
            assert await statuses(app, 4, address) == [200, 200, 200, 429]
        for number in range(3):
            assert await statuses(app, 1, f"2001:db8::{number}") == [200]
        assert await statuses(app, 1, "2001:db8::ffff:ffff:ffff:ffff") == [429]
        assert await statuses(app, 1, "2001:db8:0:1::1") == [200]


async def test_a_health_check_is_never_refused(sqlite_database_url: str) -> None:
    async with running(sqlite_database_url) as app:
        assert await statuses(app, 4) == [200, 200, 200, 429]
        for path in ("/health/live", "/health/ready"):
            assert await statuses(app, 4, path=path) == [200] * 4


async def test_a_flood_of_addresses_is_forgotten_before_it_fills_the_memory(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_CALLERS", 10)
    async with running(sqlite_database_url) as app:
        assert await statuses(app, 4) == [200, 200, 200, 429]
        for number in range(10):
            await statuses(app, 1, f"198.51.100.{number}")
        assert await statuses(app, 1) == [200]


async def test_instances_on_one_valkey_share_their_counts(sqlite_database_url: str, own_valkey: "Valkey") -> None:
    async with running(sqlite_database_url, own_valkey.url) as one, running(sqlite_database_url, own_valkey.url) as two:
        assert await statuses(one, 2) == [200, 200]
        assert await statuses(two, 2) == [200, 429]
        assert await statuses(one, 1) == [429]


async def test_what_valkey_counts_goes_away_by_itself(sqlite_database_url: str, own_valkey: "Valkey") -> None:
    async with running(sqlite_database_url, own_valkey.url) as app:
        assert await statuses(app, 4) == [200, 200, 200, 429]
    keys = own_valkey.ask("KEYS", "throttle:*")
    assert len(keys) == 1
    assert 0 < own_valkey.ask("TTL", keys[0]) <= 3600


@contextmanager
def library(database_url: str, **settings: str) -> Generator[tuple[Server, httpx.Client]]:
    settings |= {"API_TOKEN": TOKEN, "DATABASE_URL": database_url, "RATE_LIMIT": THREE}
    with serving("serve", PROJECT, **settings) as server, httpx.Client(base_url=server.address) as client:
        yield server, client


def fill(valkey: "Valkey") -> None:
    valkey.ask("CONFIG", "SET", "maxmemory", "1")


def empty(valkey: "Valkey") -> None:
    valkey.ask("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize(
    ("fail", "mend"),
    [("kill", "start"), ("freeze", "resume"), (fill, empty)],
    ids=["killed", "frozen", "full"],
)
def test_requests_go_on_without_valkey_and_are_counted_again_when_it_is_back(
    sqlite_database_url: str,
    own_valkey: "Valkey",
    fail: str | Callable[["Valkey"], None],
    mend: str | Callable[["Valkey"], None],
) -> None:
    def act(what: str | Callable[["Valkey"], None]) -> None:
        getattr(own_valkey, what)() if isinstance(what, str) else what(own_valkey)

    with library(sqlite_database_url, CACHE_URL=own_valkey.url) as (server, client):
        assert [client.get(BOOKS).status_code for _ in range(4)] == [200, 200, 200, 429]
        act(fail)
        assert [client.get(BOOKS).status_code for _ in range(8)] == [200] * 8
        act(mend)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while client.get(BOOKS).status_code != 429:
            assert time.monotonic() < deadline
        assert [server.output().count(event) for event in ("service down", "service back")] == [1, 1]


def test_a_forged_address_gets_nobody_round_the_throttle(sqlite_database_url: str) -> None:
    with library(sqlite_database_url) as (_, client):
        answers = [client.get(BOOKS, headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_a_trusted_proxy_names_the_client_and_what_stands_left_of_it_is_not_believed(sqlite_database_url: str) -> None:
    def ask(forwarded: str) -> httpx.Response:
        return client.get(BOOKS, headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})

    with library(sqlite_database_url, TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8") as (_, client):
        answers = [ask(f"203.0.113.{number}, 192.0.2.1, 10.0.0.7") for number in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert ask("192.0.2.2").status_code == 200
    assert all("Strict-Transport-Security" in answer.headers for answer in answers)
