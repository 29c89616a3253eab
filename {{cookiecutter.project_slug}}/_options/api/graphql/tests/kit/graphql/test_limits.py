"""Limits: what asks for too much is refused before it is executed, however it is written."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event

from app.kit.app import build_app
from app.kit.graphql import documents, engine
from app.main import MODULES
from tests.conftest import TOKEN_HEADER, client_of, make_settings

NODES = "nodes { id }"
ATTACKS: dict[str, str] = {
    "eleven levels": "{ books " + "{ edges { node " * 5 + "{ id }" + " } }" * 5 + " }",
    "a thousand levels": "{ a" * 300 + "}" * 300,
    "a thousand inline fragments": "{ " + "... { " * 300 + "__typename" + " }" * 300 + " }",
    "levels in fragments": "{ ...A } fragment A on Query { books { edges { ...B } } } "
    "fragment B on BookEdge { node { author { id { id { id { id { id { id { id } } } } } } } } }",
    "a thousand aliases": "{ " + " ".join(f'a{n}: book(id: "{n}") {{ id }}' for n in range(1000)) + " }",
    "sixteen aliases": "{ " + " ".join(f'a{n}: book(id: "{n}") {{ id }}' for n in range(16)) + " }",
    "aliases in a fragment": "{ a: books { nodes { ...F } } b: books { nodes { ...F } } } fragment F on Book { "
    + " ".join(f"a{n}: id" for n in range(10))
    + " }",
    "a field five hundred times": "{ books { nodes { " + "id " * 500 + "} } }",
    "a list fifty times": "{ " + f"books {{ {NODES} }} " * 50 + "}",
    "a fragment that is itself": "{ books { nodes { ...F } } } fragment F on Book { id ...F }",
    "fragments in a circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "fragments that double": "{ ...A0 } "
    + " ".join(f"fragment A{n} on Query {{ ...A{n + 1} ...A{n + 1} }}" for n in range(15))
    + f" fragment A15 on Query {{ books {{ {NODES} }} }}",
    "a hundred fragments": "{ ...A0 } " + " ".join(f"fragment A{n} on Query {{ __typename }}" for n in range(100)),
    "directives on a field": "{ books " + "@include(if: true) " * 200 + f"{{ {NODES} }} }}",
    "unknown directives": "{ books " + "@a " * 500 + f"{{ {NODES} }} }}",
    "directives on the operation": "query " + "@a " * 500 + f"{{ books {{ {NODES} }} }}",
    "ten thousand tokens": "{ books { nodes { " + "id " * 3000 + "} } }",
    "a long name": "{ " + "a" * 20_000 + " }",
    "comments": "#\n" * 4000 + f"{{ books {{ {NODES} }} }}",
    "a list of lists": f"{{ books(first: {'[' * 300}{']' * 300}) {{ {NODES} }} }}",
    "a hundred operations": " ".join(f"query Q{n} {{ books {{ {NODES} }} }}" for n in range(90)),
    "pages times pages": "{ members(first: 100) { nodes { loans(first: 100) { nodes { id } } } } }",
    "pages in fragments": "{ members(first: 100) { nodes { ...M } } } "
    "fragment M on Member { loans(first: 50) { ...L } } fragment L on LoanConnection { nodes { id dueOn } }",
    "a page of a billion": f"{{ books(first: 1000000000) {{ {NODES} }} }}",
}


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
