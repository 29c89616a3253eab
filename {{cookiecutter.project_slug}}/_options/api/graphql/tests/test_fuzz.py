"""Whatever a client sends, the answer is one of GraphQL's, and never a fault of ours."""

from typing import Any

import httpx
import pytest
from graphql import parse_value
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, queries

from app.kit.graphql.controller import sdl
from tests.conftest import TOKEN, TOKEN_HEADER
from tests.door import text_of
from tests.modules import MODULES
from tests.server import PROJECT, serving
from tests.test_budgets import OPERATIONS

CASES = settings(
    max_examples=200, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
SCHEMA = sdl(MODULES)
OUR_FAULTS = {"INTERNAL", None}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)

REPRESENTATIONS = st.sampled_from(
    ['{__typename: "Book", id: "1"}', '{__typename: "Member", id: 1}', '{__typename: "Loan"}', "{}", "1"]
).map(parse_value)
"""What a router may ask for by key."""
VALUES = st.text(max_size=20) | st.integers() | st.integers(-1, 101) | JSON


@st.composite
def persisted(draw: st.DrawFn) -> dict[str, Any]:
    """Draw one of the project's own operations, with variables that are nearly right or not at all."""
    file, variables = draw(st.sampled_from(list(OPERATIONS.values())))
    text = text_of(file)
    names = [part.partition(":")[0] for part in text.partition("{")[0].split("$")[1:]]
    given = {name: draw(VALUES) for name in draw(st.lists(st.sampled_from(names), max_size=1))} if names else {}
    return {"query": text, "variables": {**variables, **given}}


def written(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return requests with these documents."""
    return texts.map(lambda text: {"query": text})


@pytest.mark.parametrize(
    "requests",
    [written(queries(SCHEMA, custom_scalars={"_Any": REPRESENTATIONS})), written(mutations(SCHEMA)), persisted()],
    ids=["queries", "mutations", "variables"],
)
def test_the_api_keeps_its_promises_to_a_fuzzer(database_url: str, requests: st.SearchStrategy[dict[str, Any]]) -> None:
    environment = {"API_TOKEN": TOKEN, "DATABASE_URL": database_url, "RATE_LIMIT": "100000000/minute"}
    with (
        serving("serve", PROJECT, **environment) as server,
        httpx.Client(base_url=server.address, headers=TOKEN_HEADER, timeout=20) as client,
    ):
        executed: list[bool] = []

        @seed(20261123)
        @CASES
        @given(requests)
        def ask(request: dict[str, Any]) -> None:
            response = client.post("/graphql", json=request)
            assert response.status_code in {200, 400}, response.text
            answer = response.json()
            codes = {error["extensions"].get("code") for error in answer.get("errors", [])}
            assert codes or "data" in answer
            assert not codes & OUR_FAULTS, response.text
            executed.append("data" in answer)

        ask()
        assert sum(executed) > 50  # or the limits, and not the code, would be what is tried
        assert "request failed" not in server.output()
