"""Who may import whom: the contracts in pyproject.toml, `[tool.importlinter]`."""

import subprocess
import sys
from pathlib import Path


def test_modules_know_the_kit_and_not_each_other_and_the_kit_s_floors_only_what_lies_below(project: Path) -> None:
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = subprocess.run(
        [sys.executable, "-c", linter, "--no-cache"], cwd=project, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
