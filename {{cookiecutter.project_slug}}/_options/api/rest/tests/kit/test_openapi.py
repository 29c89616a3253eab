"""What the API says of itself, as people and generators of clients read it."""

import re
from typing import Any

import pytest
from httpx import AsyncClient

from tests.modules import MODULES


@pytest.fixture
async def description(client: AsyncClient) -> dict[str, Any]:
    """Return the API's description."""
    return (await client.get("/docs/openapi.json")).json()


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in description["paths"].values() for operation in item.values()]


async def test_an_operation_is_called_as_its_handler_and_says_what_it_does(description: dict[str, Any]) -> None:
    by_name = {operation["operationId"]: operation for operation in operations(description)}
    assert {"list_books", "add_book", "borrow", "ready"} <= by_name.keys()
    assert all(operation["description"] and operation["summary"] for operation in by_name.values())
    assert by_name["add_book"]["responses"]["201"]["headers"]["Location"]["schema"] == {"type": "string"}


async def test_no_answer_is_described_in_litestars_general_words(description: dict[str, Any]) -> None:
    for operation in operations(description):
        for response in operation["responses"].values():
            assert not re.search("document follows|URL follows", response["description"]), operation["operationId"]


async def test_every_problem_has_an_example(description: dict[str, Any]) -> None:
    for operation in operations(description):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                [example] = response["content"]["application/problem+json"]["examples"].values()
                assert example["value"]["status"] == int(status)


async def test_every_tag_and_what_any_operation_may_answer_are_described(description: dict[str, Any]) -> None:
    described = {tag["name"] for tag in description["tags"] if tag["description"]}
    used = {tag for operation in operations(description) for tag in operation["tags"]}
    assert described == used == {module.name for module in MODULES} | {"health"}
    for status in ("408", "413", "414", "429", "431", "503"):
        assert status in description["info"]["description"]


async def test_the_page_loads_one_exact_version_of_its_script_and_style_and_nothing_else(client: AsyncClient) -> None:
    page = (await client.get("/docs")).text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(loaded) == 3
    for address in loaded:
        assert re.match(r"https://cdn\.jsdelivr\.net/npm/@scalar/api-reference@\d+\.\d+\.\d+/|data:,", address)
