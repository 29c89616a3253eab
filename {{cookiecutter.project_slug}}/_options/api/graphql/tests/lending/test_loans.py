"""Lending through its GraphQL door."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx import AsyncClient

from tests.door import adding_book, adding_member, bearing, book_at, borrowing, changing_book, operation, said


async def do(client: AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    return said(await client.request(**asked))


async def add_book(client: AsyncClient, copies: int = 1) -> int:
    return int((await do(client, adding_book(title="Kindred", author="Octavia E. Butler", copies=copies)))["id"])


async def add_member(client: AsyncClient, email: str = "ada@example.org") -> int:
    return int((await do(client, adding_member(name="Ada Byron", email=email)))["id"])


async def available(client: AsyncClient, book: int) -> int:
    return said(await client.get(book_at(book)))["available"]


def loans_of(member: int, **page: object) -> dict[str, Any]:
    return operation("member_loans", id=str(member), **page)


async def test_a_borrowed_copy_is_gone_from_the_next_read_and_back_after_its_return(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=2), await add_member(client)
    loan = await do(client, borrowing(book, member))
    assert loan["returnedAt"] is None
    assert await available(client, book) == 1
    ended = await do(client, operation("give_back", loanId=loan["id"]))
    assert ended["returnedAt"] is not None
    assert await do(client, operation("give_back", loanId=loan["id"])) == ended
    assert await available(client, book) == 2


async def test_the_last_copy_goes_to_exactly_one_of_fifty_borrowers(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    answers = await asyncio.gather(*(client.request(**borrowing(book, member)) for _ in range(50)))
    told = [answer.json()["data"]["borrow"] for answer in answers]
    assert Counter(outcome["__typename"] for outcome in told) == {"SavedLoan": 1, "Conflict": 49}
    assert {outcome.get("message") for outcome in told} == {None, f"No copy of book {book} is free."}
    assert await available(client, book) == 0


async def test_a_renamed_book_has_its_new_title_in_old_loans(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    await do(client, borrowing(book, member))
    await do(client, changing_book(book, title="Fledgling"))
    assert [loan["book"]["title"] for loan in said(await client.request(**loans_of(member)))] == ["Fledgling"]


async def test_a_member_s_loans_come_in_pages(client: AsyncClient) -> None:
    book, member = await add_book(client, copies=5), await add_member(client)
    for _ in range(5):
        await do(client, borrowing(book, member))
    first = (await client.request(**loans_of(member, first=3))).json()["data"]["member"]["loans"]
    after = first["pageInfo"]["endCursor"]
    second = (await client.request(**loans_of(member, first=3, after=after))).json()["data"]["member"]["loans"]
    assert [loan["id"] for loan in first["nodes"] + second["nodes"]] == ["1", "2", "3", "4", "5"]
    assert second["pageInfo"]["hasNextPage"] is False


async def test_a_new_member_has_no_loans_and_an_unknown_one_is_null(client: AsyncClient) -> None:
    member = await add_member(client)
    assert said(await client.request(**loans_of(member))) == []
    assert (await client.request(**loans_of(member + 1))).json() == {"data": {"member": None}}


async def test_an_address_belongs_to_one_member_and_must_be_one(client: AsyncClient) -> None:
    await add_member(client, "ada@example.org")
    assert (await do(client, adding_member(name="Another", email="ADA@example.org")))["__typename"] == "Conflict"
    wrong = await do(client, adding_member(name="Another", email="ada"))
    assert (wrong["__typename"], wrong["field"]) == ("Invalid", "email")


async def test_nothing_unknown_is_lent_or_returned(client: AsyncClient) -> None:
    book, member = await add_book(client), await add_member(client)
    for asked in (borrowing(book + 1, member), borrowing(book, member + 1), operation("give_back", loanId="1")):
        assert (await do(client, asked))["__typename"] == "NotFound"
    assert await available(client, book) == 1


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("members", {}),
        ("loans_of_members", {}),
        ("member_loans", {"id": "1"}),
        ("borrow", {"bookId": "1", "memberId": "1"}),
        ("give_back", {"loanId": "1"}),
        ("add_member", {"member": {"name": "A", "email": "a@b"}}),
    ],
)
async def test_lending_is_closed_without_the_token(client: AsyncClient, name: str, variables: dict[str, Any]) -> None:
    response = await client.request(**bearing(operation(name, **variables), {}))
    assert response.status_code == 401
    assert "data" not in response.json()
