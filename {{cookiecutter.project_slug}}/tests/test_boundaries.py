"""Who may import whom: the contracts in pyproject.toml, `[tool.importlinter]`."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.modules import MODULES


def test_modules_know_the_kit_and_not_each_other_and_the_kit_s_floors_only_what_lies_below(project: Path) -> None:
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = subprocess.run(
        [sys.executable, "-c", linter, "--no-cache"], cwd=project, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_the_contracts_name_every_module(project: Path) -> None:
    modules = {f"app.{module.name}" for module in MODULES}
    linter = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contracts = {contract["type"]: contract for contract in linter["contracts"]}
    assert set(linter["root_packages"]) == modules | {"app.kit"}
    assert set(contracts["independence"]["modules"]) == modules
    assert set(contracts["forbidden"]["forbidden_modules"]) == modules
