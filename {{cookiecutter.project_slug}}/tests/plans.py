"""Shows how PostgreSQL runs the statements of a request."""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg
from httpx import AsyncClient
from sqlalchemy import Engine, event

from tests.conftest import TOKEN_HEADER
from tests.door import said

# What a plan may spend on each table where another walks on: 21 rows look up theirs, in three levels and a page.
LOOK_UPS = 21 * 4


@dataclass
class Plan:
    """One statement's steps, and how many pages of 8 kB they touched."""

    statement: str
    steps: list[str]
    pages: int


async def plan_of_list(client: AsyncClient, database_url: str, address: str) -> Plan:
    """Return the plan of the last statement by which `client` gets a list that is not empty."""
    ran: list[tuple[str, tuple[Any, ...]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: tuple[Any, ...], *_: Any) -> None:
        ran.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        response = await client.get(address, headers=TOKEN_HEADER)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert said(response), response.text
    statement, values = ran[-1]
    connection = await asyncpg.connect(database_url)
    try:
        explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values)
    finally:
        await connection.close()
    root = json.loads(explained)[0]["Plan"]
    return Plan(statement, _steps(root), root["Shared Hit Blocks"] + root["Shared Read Blocks"])


def _steps(node: dict[str, Any]) -> list[str]:
    below = [step for child in node.get("Plans", ()) for step in _steps(child)]
    return [f"{node['Node Type']} {node.get('Relation Name', '')}", *below]


def assert_walks_an_index(first: Plan, last: Plan) -> None:
    """Fail where a page reads a whole table, or the last one more than the first."""
    for plan in (first, last):
        assert not any(step.startswith(("Seq Scan", "Parallel Seq Scan")) for step in plan.steps), plan
    look_ups = LOOK_UPS * sum("Scan" in step for step in last.steps)
    assert last.pages <= 2 * first.pages + look_ups, f"{last.pages} pages, and {first.pages} at the start: {last}"
