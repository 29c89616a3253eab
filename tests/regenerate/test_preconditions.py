"""What must be true of a project first: else a sentence says what to do, and nothing changes."""

import os
import shutil
from pathlib import Path

import pytest

from tests.regenerate.template_copy import NEXT
from tests.regenerate.workshop import Workshop, assert_refused
from tests.template import RECORD

BOT = "dependency_bot=dependabot"


def test_a_project_without_a_repository_is_told_how_to_make_one(workshop: Workshop) -> None:
    shutil.rmtree(workshop.repository / ".git")
    workshop.variables["GIT_CEILING_DIRECTORIES"] = str(workshop.repository.parent)
    before = workshop.files()
    said = workshop.regenerate(BOT, status=2)
    assert '  git init && git add --all && git commit -m "Start"\n' in said
    assert workshop.files() == before


def test_a_project_that_is_not_committed_is_told_how_to(workshop: Workshop) -> None:
    shutil.rmtree(workshop.repository / ".git")
    workshop.git("init", "--quiet")
    assert_refused(workshop, [BOT], f"{RECORD} is not committed", '  git add --all && git commit -m "Start"\n')


def test_git_must_be_there(workshop: Workshop, tmp_path: Path) -> None:
    before = workshop.state()
    workshop.variables["PATH"] = str(tmp_path / "empty")
    assert "git is not installed: install it, version 2.38 or newer" in workshop.regenerate(BOT, status=2)
    del workshop.variables["PATH"]
    assert workshop.state() == before


def test_git_must_be_new_enough(workshop: Workshop, tmp_path: Path) -> None:
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho git version 2.17.1\n", encoding="utf-8")
    script.chmod(0o755)
    before = workshop.state()
    workshop.variables["PATH"] = f"{script.parent}:{os.environ['PATH']}"
    assert "git version 2.17.1 is too old: install 2.38 or newer" in workshop.regenerate(BOT, status=2)
    del workshop.variables["PATH"]
    assert workshop.state() == before


def test_git_must_know_who_the_user_is(workshop: Workshop) -> None:
    workshop.git("config", "user.name", "")
    workshop.git("config", "user.email", "")
    assert_refused(workshop, [BOT], "git doesn't know who you are: tell it with `git config user.name`")


@pytest.mark.parametrize("staged", [False, True], ids=["changed", "staged"])
def test_changes_that_are_not_committed_are_refused_by_name(staged: bool, workshop: Workshop) -> None:
    workshop.append("budgets.toml", "# ours")
    if staged:
        workshop.git("add", "budgets.toml")
    assert_refused(workshop, [BOT], "There are changes that are not committed (budgets.toml): commit them")


def test_files_that_git_does_not_know_are_no_obstacle_elsewhere(workshop: Workshop) -> None:
    workshop.write("notes.txt", "ours\n")
    workshop.write("app.db", "ours\n")
    workshop.regenerate(BOT)
    assert (workshop.read("notes.txt"), workshop.read("app.db")) == ("ours\n", "ours\n")


@pytest.mark.parametrize("ignored", [False, True], ids=["untracked", "ignored"])
@pytest.mark.parametrize("place", ["docs/new.md", "docs/new.md/within/ours.txt"], ids=["file", "folder"])
def test_what_lies_where_a_file_is_needed_is_refused_by_name(
    place: str,
    ignored: bool,
    workshop: Workshop,
) -> None:
    if ignored:
        workshop.append(".gitignore", "docs/new.md")
        workshop.commit()
    workshop.write(place, "ours\n")
    assert_refused(workshop, ["--to", NEXT], "git doesn't keep them: docs/new.md. Move them away, or commit them")


@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_what_lies_where_a_folder_is_needed_is_refused_by_name(
    link: bool,
    workshop: Workshop,
    tmp_path: Path,
) -> None:
    workshop.append(".gitignore", "services")
    workshop.commit()
    if link:
        (tmp_path / "elsewhere").mkdir()
        (workshop.project / "services").symlink_to(tmp_path / "elsewhere")
    else:
        workshop.write("services", "ours\n")
    assert_refused(workshop, ["--to", "moved"], "git doesn't keep them: services. Move them away")


def test_a_file_that_git_overlooks_is_refused_by_name(workshop: Workshop) -> None:
    workshop.git("update-index", "--assume-unchanged", "README.md")
    workshop.append("README.md", "ours")
    assert_refused(workshop, ["--to", NEXT], "git is told to overlook changes in README.md")


@pytest.mark.parametrize("what", ["merge", "cherry-pick", "revert", "rebase"])
def test_what_git_is_in_the_middle_of_comes_first(what: str, workshop: Workshop) -> None:
    workshop.git("switch", "--quiet", "--create", "other")
    workshop.append("README.md", "theirs")
    other = workshop.commit()
    workshop.git("switch", "--quiet", "main")
    workshop.append("README.md", "ours")
    workshop.commit()
    workshop.git(what, "other" if what != "revert" else other, check=False)
    assert_refused(workshop, [BOT], f"A {what} is under way: end it with", f"`git {what} --abort`")
    assert_refused(workshop, ["--abort"], "No regeneration is under way")


def test_a_regeneration_that_is_not_resolved_comes_first(workshop: Workshop) -> None:
    workshop.replace("src/app/kit/breaker.py", "import time\n", "import time as watch\n")
    workshop.commit()
    workshop.regenerate("--to", NEXT, status=1)
    assert_refused(
        workshop, [BOT], "A cherry-pick of a regeneration is under way", "or `uv run poe regenerate --abort`"
    )


def test_there_is_nothing_to_abort_in_a_quiet_project(workshop: Workshop) -> None:
    assert_refused(workshop, ["--abort"], "No regeneration is under way")
