"""Who uses cruft goes on doing so: it makes and checks projects of this template."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.regenerate.workshop import Workshop
from tests.template import RECORD

CRUFT = Path(sys.executable).with_name("cruft")


@pytest.fixture
def made(workshop: Workshop, template: Path, tmp_path: Path) -> Workshop:
    """Return a project that `cruft create` made, committed."""
    clone = tmp_path / "clone"
    workshop.git("clone", "--quiet", f"file://{template}", str(clone))
    command = [CRUFT, "create", str(clone), "--default-config", "--no-input", "--output-dir", tmp_path / "made"]
    subprocess.run(command, env=workshop.environment(), check=True)
    made = Workshop(tmp_path / "made" / "evergreen-library", tmp_path / "made" / "evergreen-library", workshop.home)
    made.git("init", "--quiet")
    made.commit()
    return made


def check(made: Workshop) -> int:
    return subprocess.run([CRUFT, "check"], cwd=made.project, env=made.environment(), check=False).returncode


def test_cruft_creates_a_project_and_finds_it_up_to_date_until_the_template_moves(
    made: Workshop, tmp_path: Path
) -> None:
    commit = made.git("-C", str(tmp_path / "clone"), "rev-parse", "HEAD").strip()
    assert json.loads(made.read(".cruft.json"))["commit"] == commit
    assert json.loads(made.read(RECORD))["version"] == commit
    assert ".evergreen.local" not in made.files()
    assert check(made) == 0
    made.git("-C", str(tmp_path / "clone"), "commit", "--quiet", "--allow-empty", "--message", "Newer")
    assert check(made) == 1


def test_a_project_that_cruft_created_can_be_regenerated(made: Workshop, tmp_path: Path) -> None:
    made.regenerate("dependency_bot=dependabot", "--template", str(tmp_path / "clone"))
    assert made.answers()["dependency_bot"] == "dependabot"
    assert check(made) == 0
