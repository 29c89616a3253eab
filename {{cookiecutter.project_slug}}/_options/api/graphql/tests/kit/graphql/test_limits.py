"""Limits: what asks for too much is refused before it is executed, however it is written."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from app.kit.app import build_app
from app.kit.graphql import documents, engine
from tests.attacks import ATTACKS
from tests.conftest import TOKEN_HEADER, client_of, make_settings
from tests.modules import MODULES


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list to which every SQL statement is added as it runs."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what validates and executes, whose time grows faster than a document."""
    called: list[str] = []

    def note(module: Any, name: str) -> None:
        run: Callable[..., Any] = getattr(module, name)

        def noted(*given: Any, **named: Any) -> Any:
            called.append(name)
            return run(*given, **named)

        monkeypatch.setattr(module, name, noted)

    note(documents, "validate")
    note(engine, "execute")
    return called


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_and_asks_the_database_nothing(
    client: AsyncClient, statements: list[str], calls: list[str], attack: str
) -> None:
    response = await client.post("/graphql", json={"query": ATTACKS[attack]}, headers=TOKEN_HEADER)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in {"TOO_LARGE", "GRAPHQL_PARSE_FAILED"}, error
    assert len(response.content) < 500
    assert statements == []
    assert calls in ([], ["validate"])
    assert calls == [] or "page" in attack  # whose cost goes by its variables, and so comes last


async def test_an_introspection_that_is_deep_is_refused_like_any_other(client: AsyncClient) -> None:
    query = "{ __schema { types { fields { type { ofType { ofType { ofType { name } } } } } } } }"
    response = await client.post("/graphql", json={"query": query})
    assert response.status_code == 400
    assert "data" not in response.json()


@pytest.mark.parametrize(("page", "status"), [(10, 200), (100, 400), (None, 400)])
async def test_a_page_s_size_counts_as_it_is_in_the_variables(
    client: AsyncClient, page: int | None, status: int
) -> None:
    query = """
    query Q($page: Int!) { members(first: $page) { nodes { loans(first: $page) { nodes { id dueOn } } } } }
    """
    asked = {"query": query, "variables": {"page": page}}
    assert (await client.post("/graphql", json=asked, headers=TOKEN_HEADER)).status_code == status


async def test_a_request_counts_for_the_throttle_as_what_it_costs(sqlite_database_url: str, cache_url: str) -> None:
    given = {"DATABASE_URL": sqlite_database_url, "CACHE_URL": cache_url, "RATE_LIMIT": "10/hour"}
    settings = make_settings(**given, REPEATED_STATEMENT="warn")
    costly = "{ books(first: 100) { nodes { id title isbn copies available coverUrl author { id name } } } }"
    async with client_of(build_app(settings, MODULES, title="Tests")) as client:

        async def left(query: str) -> tuple[int, str]:
            response = await client.post("/graphql", json={"query": query})
            return response.status_code, response.headers["RateLimit"].partition(";t=")[0]

        assert await left("{ books(first: 1) { nodes { id } } }") == (200, '"default";r=9')
        assert await left("{ books(first: 100) { nodes { id } } }") == (200, '"default";r=8')
        assert await left(costly + " #") == (200, '"default";r=6')  # some 1,000 fields and one
        five = "{ " + " ".join(f"l{n}: {costly[2:-2]}" for n in range(5)) + " }"
        assert await left(five) == (200, '"default";r=0')
        assert await left("{ books { nodes { id } } }") == (429, '"default";r=0')
