"""Lending through its REST door."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx import AsyncClient

from tests.conftest import TOKEN_HEADER


async def post(client: AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    response = await client.post(path, json=body, headers=TOKEN_HEADER)
    assert response.status_code in {200, 201}, response.text
    return response.json()


async def add_book(client: AsyncClient, copies: int = 1) -> int:
    return (await post(client, "/books", {"title": "Kindred", "author": "Octavia E. Butler", "copies": copies}))["id"]


async def add_member(client: AsyncClient, email: str = "ada@example.org") -> int:
    return (await post(client, "/members", {"name": "Ada Byron", "email": email}))["id"]


async def available(client: AsyncClient, book_id: int) -> int:
    return (await client.get(f"/books/{book_id}")).json()["available"]


async def test_a_borrowed_copy_is_gone_from_the_next_read_and_back_after_its_return(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=2), await add_member(client)
    loan = await post(client, "/loans", {"book_id": book, "member_id": member})
    assert loan["book"] == {"id": book, "title": "Kindred"}
    assert loan["returned_at"] is None
    assert await available(client, book) == 1
    await post(client, f"/loans/{loan['id']}/return")
    assert await available(client, book) == 2


async def test_the_last_copy_goes_to_exactly_one_of_fifty_borrowers(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    body = {"book_id": book, "member_id": member}
    answers = await asyncio.gather(*(client.post("/loans", json=body, headers=TOKEN_HEADER) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert await available(client, book) == 0


async def test_a_loan_returned_twice_frees_one_copy(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=2), await add_member(client)
    loan = await post(client, "/loans", {"book_id": book, "member_id": member})
    await post(client, "/loans", {"book_id": book, "member_id": member})
    first = await post(client, f"/loans/{loan['id']}/return")
    assert first["returned_at"] is not None
    assert await post(client, f"/loans/{loan['id']}/return") == first
    assert await available(client, book) == 1


async def test_loans_and_changes_of_one_book_at_once_all_succeed(client: AsyncClient) -> None:
    """A loan locks lending's row and then the catalogue's, a change the other way round."""
    book, member = await add_book(client, copies=100), await add_member(client)
    loan = {"book_id": book, "member_id": member}
    loans = (client.post("/loans", json=loan, headers=TOKEN_HEADER) for _ in range(20))
    titles = ({"title": f"Kindred {number}"} for number in range(5))
    changes = (client.patch(f"/books/{book}", json=title, headers=TOKEN_HEADER) for title in titles)
    answers = await asyncio.gather(*loans, *changes)
    assert {answer.status_code for answer in answers} == {200, 201}
    assert await available(client, book) == 80


async def test_a_renamed_book_has_its_new_title_in_old_loans(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    await post(client, "/loans", {"book_id": book, "member_id": member})
    await client.patch(f"/books/{book}", json={"title": "Fledgling"}, headers=TOKEN_HEADER)
    loans = (await client.get(f"/members/{member}/loans", headers=TOKEN_HEADER)).json()
    assert [loan["book"]["title"] for loan in loans["items"]] == ["Fledgling"]


async def test_copies_that_are_withdrawn_can_not_be_borrowed(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=2), await add_member(client)
    body = {"book_id": book, "member_id": member}
    await post(client, "/loans", body)
    await client.patch(f"/books/{book}", json={"copies": 0}, headers=TOKEN_HEADER)
    assert await available(client, book) == 0
    assert (await client.post("/loans", json=body, headers=TOKEN_HEADER)).status_code == 409


async def test_a_member_s_loans_come_in_pages(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=5), await add_member(client)
    made = [(await post(client, "/loans", {"book_id": book, "member_id": member}))["id"] for _ in range(5)]
    address = f"/members/{member}/loans?limit=3"
    first = (await client.get(address, headers=TOKEN_HEADER)).json()
    second = (await client.get(f"{address}&after={first['next']}", headers=TOKEN_HEADER)).json()
    assert [loan["id"] for loan in first["items"] + second["items"]] == made
    assert second["next"] is None


async def test_a_member_s_loans_have_the_fields_asked_for_in_pages_too(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=2), await add_member(client)
    for _ in range(2):
        await post(client, "/loans", {"book_id": book, "member_id": member})
    address = f"/members/{member}/loans?limit=1&fields=book.title,returned_at"
    first = (await client.get(address, headers=TOKEN_HEADER)).json()
    second = (await client.get(f"{address}&after={first['next']}", headers=TOKEN_HEADER)).json()
    assert first["items"] == second["items"] == [{"book": {"title": "Kindred"}, "returned_at": None}]
    assert second["next"] is None
    unknown = await client.get(f"/members/{member}/loans?fields=book.isbn", headers=TOKEN_HEADER)
    assert unknown.status_code == 400
    assert "book, book.id, book.title" in unknown.json()["errors"][0]["message"]


async def test_a_new_member_has_no_loans_and_an_unknown_one_is_not_found(client: AsyncClient) -> None:
    member = await add_member(client)
    assert (await client.get(f"/members/{member}/loans", headers=TOKEN_HEADER)).json() == {"items": [], "next": None}
    assert (await client.get(f"/members/{member + 1}/loans", headers=TOKEN_HEADER)).status_code == 404


async def test_members_come_in_pages_with_the_fields_asked_for(client: AsyncClient) -> None:
    for number in range(3):
        await add_member(client, f"ada{number}@example.org")
    first = (await client.get("/members?limit=2", headers=TOKEN_HEADER)).json()
    assert first["items"][1] == {"id": 2, "name": "Ada Byron", "email": "ada1@example.org"}
    second = (await client.get(f"/members?limit=2&after={first['next']}&fields=email", headers=TOKEN_HEADER)).json()
    assert second == {"items": [{"email": "ada2@example.org"}], "next": None}


async def test_an_address_belongs_to_one_member_whatever_its_case(client: AsyncClient) -> None:
    await add_member(client, "ada@example.org")
    body = {"name": "Another Ada", "email": "ADA@example.org"}
    assert (await client.post("/members", json=body, headers=TOKEN_HEADER)).status_code == 409


async def test_nothing_unknown_is_lent_or_returned(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    for body in ({"book_id": book + 1, "member_id": member}, {"book_id": book, "member_id": member + 1}):
        assert (await client.post("/loans", json=body, headers=TOKEN_HEADER)).status_code == 404
    assert (await client.post("/loans/1/return", headers=TOKEN_HEADER)).status_code == 404
    assert await available(client, book) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/members"),
        ("GET", "/members"),
        ("GET", "/members/1/loans"),
        ("POST", "/loans"),
        ("POST", "/loans/1/return"),
    ],
)
async def test_lending_is_closed_without_the_token(client: AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 401
