"""Each practice that can be switched off is guarded: without it, the tests that its description names fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.template import BASE, CHOICES

UV = Path(sys.executable).with_name("uv")
FAILED = 1
"""pytest's exit status where tests ran and some failed."""

DESCRIPTION = (BASE / "docs" / "practices.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^- Switch: `PRACTICES_OFF=(\w+)`.*\n(?:- .*\n)*?- Tests: (.+)\n", re.MULTILINE)
GUARDS = {switch: re.findall(r"`(tests/\S+\.py)`", tests) for switch, tests in SECTION.findall(DESCRIPTION)}
"""The test files of each practice with a switch."""


@pytest.fixture(scope="module", params=CHOICES["api"])
def project(request: pytest.FixtureRequest, bake: Bake) -> Path:
    project = bake({"api": request.param})
    subprocess.run([UV, "sync", "--quiet"], cwd=project, check=True)
    return project


def test_every_switch_is_described_with_the_tests_that_guard_it() -> None:
    settings = (BASE / "src" / "app" / "kit" / "settings.py").read_text(encoding="utf-8")
    (names,) = re.findall(r"^Practice = Literal\[([^]]+)\]", settings, re.MULTILINE)
    assert sorted(GUARDS) == sorted(re.findall(r'"(\w+)"', names))
    assert all(GUARDS.values())


@pytest.mark.parametrize("practice", GUARDS)
def test_the_tests_of_a_practice_fail_without_it(practice: str, project: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [UV, "run", "pytest", "-q", "-x", "-k", "sqlite or not postgresql", *GUARDS[practice]],
        cwd=project,
        env={**os.environ, "PRACTICES_OFF": practice, "PYTEST_DEBUG_TEMPROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == FAILED, done.stdout + done.stderr


def test_every_file_that_the_description_names_exists(project: Path) -> None:
    named = re.findall(r"`((?:src|tests)/\S+?)`", DESCRIPTION)
    assert [path for path in named if not (project / path).exists()] == []
