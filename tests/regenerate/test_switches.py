"""Switching between variants and versions gives what a fresh project has, and keeps what the user did."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from itertools import permutations
from pathlib import Path

import pytest

from tests.regenerate.conftest import Fresh
from tests.regenerate.template_copy import MOVED, NEXT, NOW
from tests.regenerate.workshop import Workshop, copy
from tests.template import CHOICES, RECORD, VARIANTS

TOOLS = Path(sys.executable).parent
FIRST = {question: choices[0] for question, choices in CHOICES.items()}
PROGRAMS = [answers for answers in VARIANTS.values() if answers["dependency_bot"] == FIRST["dependency_bot"]]
BOTS = [FIRST | {"dependency_bot": bot} for bot in CHOICES["dependency_bot"]]
SWITCHES = {
    f"{'-'.join(old.values())} to {'-'.join(new.values())}": (old, new)
    for old, new in [*permutations(PROGRAMS, 2), *permutations(BOTS, 2)]
}
"""All switches between layouts and APIs, and those of the dependency bot in one of them."""
FARTHEST = [*SWITCHES.values()][len(PROGRAMS) - 2]
"""From the default answers to those that differ in layout and API."""

Committed = Callable[[Mapping[str, str]], Workshop]


@pytest.fixture(params=SWITCHES.values(), ids=SWITCHES)
def switch(request: pytest.FixtureRequest) -> tuple[dict[str, str], dict[str, str]]:
    return request.param


def as_arguments(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [f"{question}={answer}" for question, answer in new.items() if answer != old[question]]


OWN_TEST = '''"""Ours."""

from app.rooms.size import SEATS


def test_a_room_has_seats() -> None:
    assert SEATS == 4
'''


def edit(workshop: Workshop) -> None:
    """Do to the project what all users do: a note, a line of code, a test, a file less, a module of their own."""
    workshop.append("README.md", "\nOurs: see the wiki.")
    workshop.append(".gitignore", "ours/")
    workshop.append(workshop.find("catalog/queries.py"), "\n\nOURS = 1")
    workshop.append(workshop.find("catalog/schemas.py"), "\n\nOURS = 2")
    workshop.write("src/app/rooms/size.py", '"""Ours."""\n\nSEATS = 4\n')
    workshop.write("tests/rooms/test_size.py", OWN_TEST)
    (workshop.project / "docs" / "practices.md").unlink()
    workshop.commit()


def assert_edited(workshop: Workshop) -> None:
    """Assert that what `edit` did is there."""
    assert workshop.read("README.md").endswith("Ours: see the wiki.\n")
    assert workshop.read(".gitignore").endswith("ours/\n")
    assert workshop.read(workshop.find("catalog/queries.py")).endswith("OURS = 1\n")
    assert workshop.read(workshop.find("catalog/schemas.py")).endswith("OURS = 2\n")
    assert workshop.read("src/app/rooms/size.py")
    assert workshop.read("tests/rooms/test_size.py") == OWN_TEST
    assert not (workshop.project / "docs" / "practices.md").exists()


def test_a_switch_on_an_unedited_project_gives_byte_for_byte_a_fresh_one(
    switch: tuple[dict[str, str], dict[str, str]], start: Callable[..., Workshop], fresh: Fresh
) -> None:
    old, new = switch
    workshop = start(**old)
    workshop.regenerate(*as_arguments(old, new))
    target = copy(Workshop(fresh(new, NOW), fresh(new, NOW), workshop.home), workshop.repository.with_name("fresh"))
    assert workshop.shared() == target.shared()
    assert workshop.git("status", "--porcelain") == ""


def test_a_switch_keeps_the_edits_and_brings_the_option_wholly(
    switch: tuple[dict[str, str], dict[str, str]], start: Callable[..., Workshop], fresh: Fresh
) -> None:
    old, new = switch
    workshop = start(**old)
    edit(workshop)
    workshop.regenerate(*as_arguments(old, new))
    assert_edited(workshop)
    assert new.items() <= workshop.answers().items()
    differ = {"docs/practices.md", "src/app/rooms/size.py", "tests/rooms/test_size.py"}
    assert workshop.shared().keys() ^ differ == {
        path.relative_to(fresh(new, NOW)).as_posix()
        for path in fresh(new, NOW).rglob("*")
        if path.is_file() and path.name != ".evergreen.local"
    }
    for check in (["check"], ["format", "--check"]):
        subprocess.run([TOOLS / "ruff", *check, "--no-cache", "--quiet", "."], cwd=workshop.project, check=True)


def test_an_edited_project_passes_its_own_checks_after_a_switch(start: Callable[..., Workshop]) -> None:
    old, new = FARTHEST
    workshop = start(**old)
    edit(workshop)
    with tempfile.TemporaryDirectory() as folder:
        git = {"GIT_CONFIG_GLOBAL": str(workshop.home / ".gitconfig")}
        environment = {**os.environ, **git, "PYTEST_DEBUG_TEMPROOT": folder}
        command = [TOOLS / "uv", "run", "--quiet", "poe"]
        for verb in (["regenerate", *as_arguments(old, new)], ["check"]):
            subprocess.run([*command, *verb], cwd=workshop.project, env=environment, check=True)
    assert_edited(workshop)


def test_a_switch_back_gives_the_project_as_it_was(
    switch: tuple[dict[str, str], dict[str, str]], start: Callable[..., Workshop]
) -> None:
    old, new = switch
    workshop = start(**old)
    edit(workshop)
    before = workshop.files()
    workshop.regenerate(*as_arguments(old, new))
    workshop.regenerate(*as_arguments(new, old))
    assert workshop.files() == before


@pytest.mark.parametrize("version", [NOW])
def test_a_project_of_each_tagged_version_comes_to_the_newest(
    version: str, start: Callable[..., Workshop], fresh: Fresh
) -> None:
    workshop = start()
    assert version in workshop.git("-C", workshop.read(".evergreen.local").strip(), "tag").split()
    workshop.append("src/app/kit/breaker.py", "\n\nOURS = 1")
    workshop.commit()
    said = workshop.regenerate("--to", NEXT)
    expected = {
        path.relative_to(fresh({}, NEXT)).as_posix(): path.read_bytes()
        for path in fresh({}, NEXT).rglob("*")
        if path.is_file() and path.name != ".evergreen.local"
    }
    expected["src/app/kit/breaker.py"] += b"\n\nOURS = 1\n"
    assert workshop.shared() == expected
    assert "renamed: 1\n  src/app/kit/visits.py → src/app/kit/visitors.py\n" in said
    assert "added: 1\n  docs/new.md\n" in said
    assert "removed: 1\n  docs/practices.md\n" in said


def test_options_and_version_change_together(workshop: Workshop) -> None:
    workshop.regenerate("dependency_bot=none", "motto={{ 7 * 7 }}", "--to", "0.2.0")
    assert (workshop.answers()["dependency_bot"], workshop.answers()["motto"]) == ("none", "{{ 7 * 7 }}")
    assert "renovate.json" not in workshop.files()
    assert workshop.read("README.md").count("## First start") == 1


def test_a_second_regeneration_starts_from_the_first(workshop: Workshop) -> None:
    workshop.regenerate("dependency_bot=dependabot")
    workshop.append(".github/dependabot.yml", "# ours")
    workshop.commit()
    workshop.regenerate("--to", NEXT)
    assert workshop.read(".github/dependabot.yml").endswith("# ours\n")
    assert workshop.answers()["dependency_bot"] == "dependabot"
    assert workshop.read("docs/new.md") == "# New\n"


def test_the_record_holds_template_version_and_public_answers_only(workshop: Workshop) -> None:
    assert MOVED not in workshop.read(RECORD)
    assert workshop.answers().keys() == {"project_name", "project_slug", "description", *CHOICES}
    assert str(workshop.home.parent) not in workshop.read(RECORD)
