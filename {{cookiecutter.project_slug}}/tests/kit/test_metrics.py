"""What a process says of itself."""

import asyncio
import time

import pytest
from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from app.kit.app import build_app
from tests.conftest import TOKEN_HEADER, client_of, make_settings
from tests.door import ADDING, BOOKS, LISTING, READING, adding_book, book_at
from tests.jobsite import Site
from tests.modules import MODULES
from tests.standin import standing_in

BOOK = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin", "isbn": "9780441478125"}


async def samples(client: AsyncClient) -> dict[tuple[str, ...], float]:
    """Return what `/metrics` says, by name and the values of its labels."""
    answer = await client.get("/metrics", headers=TOKEN_HEADER)
    assert answer.headers["cache-control"] == "private, no-store"
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_only_who_bears_the_token_sees_them(client: AsyncClient) -> None:
    assert (await client.get("/metrics")).status_code == 401


async def test_requests_are_added_up_by_operation_with_what_they_cost(client: AsyncClient) -> None:
    added = await client.request(**adding_book(**BOOK))
    read = [await client.get(book_at(1), headers={"Accept-Encoding": "identity"}) for _ in range(3)]
    assert (await client.get("/nowhere/at/all")).status_code == 404
    shown = await samples(client)
    assert shown["http_requests_total", READING, "2xx"] == 3
    assert shown["http_requests_total", "-", "4xx"] == 1
    assert shown["http_request_hits_total", READING] == 2
    assert shown["http_request_queries_total", READING] == 1
    assert shown["http_request_bytes_total", READING] == 3 * len(read[0].content)
    assert shown["http_request_queries_total", ADDING] == int(added.headers["server-timing"].split('"')[1][0])
    assert shown["process_cpu_seconds_total",] > 0


async def test_cpu_time_of_requests_at_the_same_time_is_counted_once(client: AsyncClient) -> None:
    before = time.process_time()
    await asyncio.gather(*(client.get(BOOKS, headers=TOKEN_HEADER) for _ in range(50)))
    used = time.process_time() - before
    shown = await samples(client)
    cpu_seconds = shown["http_request_cpu_seconds_total", LISTING]
    assert 0 < cpu_seconds < used
    assert cpu_seconds < shown["http_request_seconds_total", LISTING]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_jobs_and_calls_to_other_systems_are_added_up(site: Site) -> None:
    async with standing_in() as standin:
        settings = make_settings(DATABASE_URL=site.url, OPEN_LIBRARY_URL=standin.url, WORKER_INSIDE="true")
        async with client_of(build_app(settings, MODULES, title="Tests")) as client:
            await client.request(**adding_book(**BOOK))
            await site.hurry()
            shown = await samples(client)
    assert shown["job_runs_total", "enrich_book", "done"] == 1
    assert shown["job_runs_total", "warm_pages", "done"] == 1
    assert shown["system_calls_total", "open library"] == standin.calls == 1
    assert shown["system_failures_total", "open library"] == shown["system_retries_total", "open library"] == 0
    assert shown["system_breaker", "closed", "open library"] == 1
    assert shown["system_breaker", "open", "open library"] == 0
