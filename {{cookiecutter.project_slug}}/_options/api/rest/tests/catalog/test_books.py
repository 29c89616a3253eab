"""The catalogue through its REST door."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from app.kit.app import build_app
from tests.conftest import TOKEN_HEADER, client_of, make_settings
from tests.jobsite import Site
from tests.modules import MODULES


async def add(client: AsyncClient, title: str, author: str = "Ursula K. Le Guin", **more: object) -> dict[str, Any]:
    response = await client.post("/books", json={"title": title, "author": author, **more}, headers=TOKEN_HEADER)
    assert response.status_code == 201, response.text
    return response.json()


async def titles(client: AsyncClient, **parameters: str | int) -> list[str]:
    response = await client.get("/books", params=parameters)
    assert response.status_code == 200, response.text
    return [book["title"] for book in response.json()["items"]]


async def test_a_new_book_is_in_the_next_list(client: AsyncClient) -> None:
    response = await client.post(
        "/books",
        json={"title": "The Dispossessed", "author": "Ursula K. Le Guin", "isbn": "9780061054884", "copies": 2},
        headers=TOKEN_HEADER,
    )
    book = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/books/{book['id']}"
    assert book["author"]["name"] == "Ursula K. Le Guin"
    assert book["available"] == 2
    assert (await client.get("/books")).json() == {"items": [book], "next": None}
    assert (await client.get(f"/books/{book['id']}")).json() == book


async def test_pages_hold_every_book_once_and_in_order(client: AsyncClient) -> None:
    added = [(await add(client, f"Volume {number}"))["title"] for number in range(7)]
    seen: list[str] = []
    cursor: int | None = 0
    while cursor is not None:
        page = (await client.get("/books", params={"limit": 3, "after": cursor})).json()
        seen += [book["title"] for book in page["items"]]
        cursor = page["next"]
    assert seen == added


async def test_a_page_that_ends_the_list_has_no_next(client: AsyncClient) -> None:
    for number in range(3):
        await add(client, f"Volume {number}")
    assert (await client.get("/books", params={"limit": 3})).json()["next"] is None


async def test_a_page_holds_twenty_books_unless_asked_otherwise(client: AsyncClient) -> None:
    for number in range(21):
        await add(client, f"Volume {number}")
    assert len(await titles(client)) == 20


async def test_books_are_found_by_whole_words_of_title_and_author_in_any_case(client: AsyncClient) -> None:
    await add(client, "The Lathe of Heaven")
    await add(client, "Heaven's Reach", "David Brin")
    assert await titles(client, q="HEAVEN") == ["The Lathe of Heaven", "Heaven's Reach"]
    assert await titles(client, q="heaven guin") == ["The Lathe of Heaven"]
    assert await titles(client, q="heav") == []
    assert await titles(client, q="ｈｅａｖｅｎ brin") == ["Heaven's Reach"]
    assert await titles(client, q="?!") == []
    assert len(await titles(client, q="  ")) == 2


async def test_a_search_can_be_paged_and_narrowed_to_an_author(client: AsyncClient) -> None:
    first = await add(client, "Winter Tide", "Ruthanna Emrys")
    await add(client, "Winter's Tale", "Mark Helprin")
    await add(client, "Deep Winter", "Ruthanna Emrys")
    author = first["author"]["id"]
    assert await titles(client, author=author) == ["Winter Tide", "Deep Winter"]
    assert await titles(client, author=author, q="winter", after=first["id"]) == ["Deep Winter"]


async def test_a_change_touches_only_the_fields_given(client: AsyncClient) -> None:
    book = await add(client, "The Tombs of Atuan", isbn="9780689845369", copies=3)
    response = await client.patch(f"/books/{book['id']}", json={"title": "Tombs of Atuan"}, headers=TOKEN_HEADER)
    assert response.json() == book | {"title": "Tombs of Atuan"}
    response = await client.patch(f"/books/{book['id']}", json={"isbn": None}, headers=TOKEN_HEADER)
    assert response.json() == book | {"title": "Tombs of Atuan", "isbn": None}


async def test_a_renamed_book_is_found_by_its_new_words_only(client: AsyncClient) -> None:
    book = await add(client, "Rocannon's World")
    change = {"title": "City of Illusions", "author": "Someone Else"}
    await client.patch(f"/books/{book['id']}", json=change, headers=TOKEN_HEADER)
    assert await titles(client, q="illusions else") == ["City of Illusions"]
    assert await titles(client, q="rocannon") == []
    assert await titles(client, q="guin") == []


async def test_two_books_share_their_author(client: AsyncClient) -> None:
    first, second = await add(client, "A Wizard of Earthsea"), await add(client, "Tehanu")
    assert first["author"] == second["author"]


async def test_one_author_comes_of_many_books_added_at_once(client: AsyncClient) -> None:
    books = await asyncio.gather(*(add(client, f"Volume {number}", "New Author") for number in range(10)))
    assert len({book["author"]["id"] for book in books}) == 1


async def test_an_isbn_belongs_to_one_book(client: AsyncClient) -> None:
    await add(client, "Malafrena", isbn="9780425046470")
    other = await add(client, "Orsinian Tales")
    duplicate = {"title": "Malafrena, again", "author": "Nobody", "isbn": "9780425046470"}
    assert (await client.post("/books", json=duplicate, headers=TOKEN_HEADER)).status_code == 409
    change = {"isbn": "9780425046470"}
    assert (await client.patch(f"/books/{other['id']}", json=change, headers=TOKEN_HEADER)).status_code == 409
    assert await titles(client, q="nobody") == []


@pytest.mark.parametrize("path", ["/books/1", "/books/9007199254740991"])
async def test_a_book_that_is_not_there_is_not_found(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
    assert (await client.patch(path, json={"copies": 1}, headers=TOKEN_HEADER)).status_code == 404


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}])
async def test_nobody_writes_without_the_token(client: AsyncClient, header: dict[str, str]) -> None:
    response = await client.post("/books", json={"title": "A", "author": "B"}, headers=header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await client.patch("/books/1", json={"title": "A"}, headers=header)).status_code == 401
    assert await titles(client) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1",
        b"{}",
        b'{"title": "A"}',
        b'{"title": "A", "author": "B", "pages": 3}',
        b'{"title": 3, "author": "B"}',
        b'{"title": "A\\u0000", "author": "B"}',
        b'{"title": "A\\nB", "author": "B"}',
        b'{"title": "A\\n", "author": "B"}',
        b'{"title": " ", "author": "B"}',
        b'{"title": "\\ud800", "author": "B"}',
        b'{"title": "\xff", "author": "B"}',
        b'{"title": "A", "author": "B", "copies": -1}',
        b'{"title": "A", "author": "B", "copies": 18446744073709551616}',
        b'{"title": "A", "author": "B", "isbn": "978"}',
        b'{"title": "' + b"A" * 301 + b'", "author": "B"}',
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(client: AsyncClient, body: bytes) -> None:
    response = await client.post("/books", content=body, headers=TOKEN_HEADER)
    assert response.status_code == 400, response.text
    assert response.json()["detail"]
    assert await titles(client) == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "after=-1", "after=x", "after=9007199254740992", "author=0"]
)
async def test_a_bound_that_is_overstepped_is_named(client: AsyncClient, query: str) -> None:
    response = await client.get(f"/books?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("book_id", ["0", "9007199254740992", "18446744073709551616", "9" * 5000])
async def test_a_number_that_no_book_can_have_is_refused(client: AsyncClient, book_id: str) -> None:
    assert (await client.get(f"/books/{book_id}")).status_code in {400, 404}


async def test_letters_of_all_scripts_survive(client: AsyncClient) -> None:
    book = await add(client, "戦争と平和 — Война и мир 📚", "Лев Толстой")
    assert (await client.get(f"/books/{book['id']}")).json()["title"] == "戦争と平和 — Война и мир 📚"
    assert await titles(client, q="ВОЙНА") == ["戦争と平和 — Война и мир 📚"]


async def test_a_word_longer_than_any_index_entry_is_kept_and_found(client: AsyncClient) -> None:
    title = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 300  # one word, 18 times longer once normalised
    await add(client, title)
    assert await titles(client, q=title[:100]) == [title]


async def test_the_exported_json_of_a_book_is_what_the_api_answers(site: Site, tmp_path: Path) -> None:
    settings = make_settings(DATABASE_URL=site.url, PAGES_DIR=str(tmp_path / "pages"), WORKER_INSIDE="true")
    async with client_of(build_app(settings, MODULES, title="Tests")) as client:
        for book in [
            await add(client, "The Dispossessed", isbn="9780061054884", copies=2),
            await add(client, '"Ærø" \\ 本 </script>', author="\u2019s-Gravesande & Co"),
        ]:
            await site.hurry()
            answer = await client.get(f"/books/{book['id']}")
            assert (tmp_path / "pages" / "books" / f"{book['id']}.json").read_bytes() == answer.content
