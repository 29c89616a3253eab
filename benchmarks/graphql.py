"""What GraphQL costs: 50 books, beside the same schema as popular templates wire it; and what attacks cost."""

import json
import runpy
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.plan import Contender, Plan, Read, Target, say
from benchmarks.servers import ROOT, BenchmarkError, Server

BOOKS = 50
FIELDS = "id title isbn author { id name } copies available"
LIST = f"/graphql?{urlencode({'query': f'query Fifty {{ books(first: {BOOKS}) {{ nodes {{ {FIELDS} }} }} }}'})}"
OPERATION = ROOT / "{{cookiecutter.project_slug}}/_options/api/graphql/src/app/catalog/operations/books.graphql"
EXTENSIONS = {"persistedQuery": {"version": 1, "sha256Hash": sha256(OPERATION.read_bytes()).hexdigest()}}
PERSISTED = f"/graphql?{urlencode({'extensions': json.dumps(EXTENSIONS), 'variables': json.dumps({'first': BOOKS})})}"
ATTACK_MS = 50
ATTACKS_OF_A_KIND = 20

REFERENCE = "Strawberry reference"
UNCACHED, HIT, NOT_MODIFIED = "project, uncached", "project, persisted, cached", "project, persisted, 304"


def _attack(project: Path, server: Server) -> None:
    """Send each attack that the project's tests know, and say what the dearest costs."""
    costs: dict[str, float] = {}
    attacks: dict[str, str] = runpy.run_path(str(project / "tests" / "attacks.py"))["ATTACKS"]
    for name, query in attacks.items():
        before = server.cpu_seconds()
        for number in range(ATTACKS_OF_A_KIND):
            # Each is a document of its own, as an attacker would see to.
            body = json.dumps({"query": f"{query} #{number}"}).encode()
            if (answer := server.post("/graphql", body)).status not in {400, 401}:
                raise BenchmarkError(f"{name}: the server answers {answer.status}")
        costs[name] = (server.cpu_seconds() - before) * 1000 / ATTACKS_OF_A_KIND
    for name, cost in sorted(costs.items(), key=lambda item: -item[1])[:3]:
        say(f"attack: {name}: {cost:.1f} ms")
    dearest = max(costs.values())
    outcome = "met" if dearest <= ATTACK_MS else "missed"
    say(f"{len(costs)} attacks: at most {ATTACK_MS} ms each: {dearest:.1f}, {outcome}")


PLAN = Plan(
    title=f"GraphQL, {BOOKS} books",
    answers={"api": "graphql"},
    contenders=(
        Contender((Read(REFERENCE, LIST),), script="reference_graphql/main.py"),
        Contender(
            (
                Read(UNCACHED, LIST),
                Read(HIT, PERSISTED, cached=True),
                Read(NOT_MODIFIED, PERSISTED, cached=True, conditional=True),
            )
        ),
    ),
    targets=(Target(UNCACHED, 0.5, REFERENCE), Target(HIT, 0.03, REFERENCE)),
    beside={"reference": REFERENCE},
    books=lambda answer: answer["data"]["books"]["nodes"],
    number=BOOKS,
    then=_attack,
)
