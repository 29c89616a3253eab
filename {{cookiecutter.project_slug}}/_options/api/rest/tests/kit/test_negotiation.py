"""Which representation a client gets: its media type, and the coding of its bytes."""

import gzip
import sys

import msgspec
import pytest
from httpx import AsyncClient

from app.kit.negotiation import MIN_COMPRESSED_BYTES
from tests.conftest import TOKEN_HEADER

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODERS = {"zstd": zstd.decompress, "gzip": gzip.decompress}


@pytest.fixture
async def shelf(client: AsyncClient) -> AsyncClient:
    """Return a client of a library with a page of books."""
    for number in range(20):
        await client.post("/books", json={"title": f"Volume {number}", "author": "Somebody"}, headers=TOKEN_HEADER)
    return client


async def raw_body(client: AsyncClient, path: str, **headers: str) -> tuple[str | None, bytes]:
    """Return the coding of an answer and its bytes as they were sent."""
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        body = b"".join([part async for part in response.aiter_raw()])
    assert int(response.headers["Content-Length"]) == len(body)
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    return response.headers.get("Content-Encoding"), body


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("*, zstd;q=0", "gzip"),
        ("zstd;q=0, gzip;q=0", None),
        ("identity", None),
        ("br", None),
        ("", None),
        ("gzip;q=lots", None),
    ],
)
async def test_a_long_answer_is_compressed_as_the_client_prefers(
    shelf: AsyncClient, accepted: str, coding: str | None
) -> None:
    _, plain = await raw_body(shelf, "/books", **{"Accept-Encoding": "identity"})
    for _ in range(2):  # made, and from the cache
        used, body = await raw_body(shelf, "/books", **{"Accept-Encoding": accepted})
        assert used == coding
        if coding is not None:
            assert DECODERS[coding](body) == plain
            assert len(body) < len(plain) / 3


async def test_a_private_answer_is_compressed_too(shelf: AsyncClient) -> None:
    member = {"name": "Ada Byron", "email": "ada@example.org"}
    await shelf.post("/members", json=member, headers=TOKEN_HEADER)
    for number in range(1, 11):
        loan = {"book_id": number, "member_id": 1}
        assert (await shelf.post("/loans", json=loan, headers=TOKEN_HEADER)).status_code == 201
    headers = TOKEN_HEADER | {"Accept-Encoding": "zstd"}
    assert (await raw_body(shelf, "/members/1/loans", **headers))[0] == "zstd"


async def test_a_short_answer_stays_plain(shelf: AsyncClient) -> None:
    coding, body = await raw_body(shelf, "/books/1", **{"Accept-Encoding": "zstd"})
    assert coding is None
    assert len(body) < MIN_COMPRESSED_BYTES


@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        ("application/vnd.msgpack", "application/vnd.msgpack"),
        ("application/msgpack", "application/vnd.msgpack"),
        ("application/x-msgpack", "application/vnd.msgpack"),
        ("application/json;q=0.5, application/msgpack", "application/vnd.msgpack"),
        ("application/json, application/msgpack;q=0.5", "application/json"),
        ("application/*", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("application/msgpack;q=0", "application/json"),
    ],
)
async def test_an_answer_has_the_media_type_that_the_client_prefers(
    shelf: AsyncClient, accepted: str, media_type: str
) -> None:
    response = await shelf.get("/books", headers={"Accept": accepted})
    assert response.headers["Content-Type"] == media_type
    decode = msgspec.msgpack.decode if "msgpack" in media_type else msgspec.json.decode
    assert decode(response.content)["items"][0]["title"] == "Volume 0"


async def test_an_answer_to_a_write_has_the_media_type_that_the_client_prefers(client: AsyncClient) -> None:
    headers = TOKEN_HEADER | {"Accept": "application/msgpack"}
    response = await client.post("/books", json={"title": "Kindred", "author": "Octavia E. Butler"}, headers=headers)
    assert msgspec.msgpack.decode(response.content)["title"] == "Kindred"


async def test_an_error_is_json_whatever_the_client_prefers(client: AsyncClient) -> None:
    response = await client.get("/books/1", headers={"Accept": "application/msgpack"})
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404
