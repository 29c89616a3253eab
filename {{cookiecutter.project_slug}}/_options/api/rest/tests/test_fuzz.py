"""Whatever a client sends, the answer is one that the API's description promises, and never a 500."""

import subprocess
import sys

from tests.conftest import TOKEN
from tests.server import PROJECT, serving

SEED = "20261123"
CASES_PER_OPERATION = "60"


def test_the_api_keeps_its_promises_to_a_fuzzer(database_url: str) -> None:
    settings = {"API_TOKEN": TOKEN, "DATABASE_URL": database_url, "LOG_LEVEL": "error", "RATE_LIMIT": "1000000/minute"}
    with serving("serve", PROJECT, **settings) as server:
        result = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/docs/openapi.json"),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--seed", SEED, "--max-examples", CASES_PER_OPERATION, "--generation-database", "none"),
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stdout
