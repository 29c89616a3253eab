"""Answers are compressed, and of the media type that the client prefers."""

import gzip

import httpx
import pytest
from httpx import AsyncClient

from app.kit.negotiation import MIN_COMPRESSED_BYTES, zstd
from tests.door import BOOKS, adding_book, bearing, getting, operation

GRAPHQL = "application/graphql-response+json"


@pytest.fixture
async def shelf(client: AsyncClient) -> AsyncClient:
    """Return the client of a library with ten books."""
    for number in range(10):
        assert (await client.request(**adding_book(title=f"Volume {number}", author="Somebody"))).is_success
    return client


async def raw_body(client: AsyncClient, request: httpx.Request) -> tuple[str, bytes]:
    """Return the coding and the bytes of an answer as they come."""
    response = await client.send(request, stream=True)
    assert response.status_code == 200
    return response.headers.get("Content-Encoding", ""), b"".join([part async for part in response.aiter_raw()])


@pytest.mark.parametrize("way", ["GET", "POST"])
@pytest.mark.parametrize(
    ("accepted", "coding"), [("zstd, gzip", "zstd"), ("gzip", "gzip"), ("zstd;q=0.5, gzip", "gzip"), ("br", "")]
)
async def test_a_long_answer_is_compressed_as_the_client_prefers(
    shelf: AsyncClient, way: str, accepted: str, coding: str
) -> None:
    asked = getting(BOOKS) if way == "GET" else operation("books")
    bodies: list[tuple[str, bytes]] = []
    for encoding in ("identity", accepted):
        request = shelf.build_request(**bearing(asked, {"Accept-Encoding": encoding}))
        bodies.append(await raw_body(shelf, request))
    (_, plain), (used, body) = bodies
    assert len(plain) >= MIN_COMPRESSED_BYTES
    assert used == coding
    if coding:
        assert len(body) < len(plain)
        assert {"zstd": zstd.decompress, "gzip": gzip.decompress}[coding](body) == plain


async def test_a_short_answer_stays_plain(client: AsyncClient) -> None:
    request = client.build_request("GET", BOOKS, headers={"Accept-Encoding": "zstd"})
    coding, body = await raw_body(client, request)
    assert coding == ""
    assert body.startswith(b'{"data"')


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        ("*/*", GRAPHQL),
        (GRAPHQL, GRAPHQL),
        ("application/json", "application/json"),
        (f"{GRAPHQL};q=0.5, application/json", "application/json"),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        ("text/html", GRAPHQL),
    ],
)
async def test_an_answer_has_the_media_type_that_the_client_prefers(
    client: AsyncClient, accepted: str, media_type: str
) -> None:
    for asked in (getting(BOOKS), operation("books")):
        response = await client.request(**bearing(asked, {"Accept": accepted}))
        assert response.headers["Content-Type"].partition(";")[0] == media_type
        assert "Accept" in response.headers["Vary"]
