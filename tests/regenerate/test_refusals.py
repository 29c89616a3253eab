"""What is refused: with a sentence that says what to do, exit status 2, and nothing changed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regenerate.template_copy import NEXT, NOW
from tests.regenerate.workshop import Workshop
from tests.template import CHOICES, QUESTIONS, RECORD, ROOT

BOT = "dependency_bot=dependabot"


def assert_refused(workshop: Workshop, arguments: list[str], *sentences: str) -> None:
    """Assert that nothing changes, and that all `sentences` are said."""
    before = workshop.state()
    said = workshop.regenerate(*arguments, status=2)
    for sentence in sentences:
        assert sentence in said, said
    assert "Traceback" not in said
    assert workshop.state() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "'nonsense' is no answer: write key=value, for example api=rest"),
        (["colour=red"], f"colour is no question of the template at this version: it asks {', '.join(QUESTIONS)}"),
        (["_version=1"], "_version is no question of the template"),
        (["dependency_bot="], "dependency_bot can't be '' at this version of the template: choose renovate or"),
        (["dependency_bot=none"], "dependency_bot can't be 'none' at this version of the template"),
        ([BOT, "dependency_bot=renovate"], "dependency_bot is answered twice: give one answer"),
        (["project_slug=../../x"], "project_slug must be 1 to 50 lower-case ASCII letters"),
        (["project_slug=asyncio"], "project_slug must not be asyncio"),
        (["description= "], "description must be a line of text"),
        (["description=\x1b[31mred"], "description must be a line of text"),
        ([BOT, "--to", "9.9.9"], "has no version 9.9.9: name a repository that has it with --template PATH_OR_URL"),
        ([BOT, "--to", "--output=x"], "--to"),
        ([BOT, "--to=--output=x"], "has no version --output=x"),
        ([BOT, "--to="], "argument --to: it is empty: leave it out, or name one"),
        ([BOT, "--template", "/nowhere/at/all"], "The template /nowhere/at/all can't be reached"),
        ([BOT, "--template=--upload-pack=touch pwned"], "can't be reached"),
        ([BOT, "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], sentence: str, workshop: Workshop) -> None:
    assert_refused(workshop, arguments, sentence)


def test_a_folder_that_is_no_repository_is_refused_as_template(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert_refused(workshop, [BOT, "--template", str(folder)], f"The template {folder} is no git repository")


def test_a_repository_without_a_template_is_refused(workshop: Workshop) -> None:
    arguments = [BOT, "--template", str(workshop.repository), "--to", "HEAD"]
    assert_refused(workshop, arguments, "has no version", "name a repository that has it")


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


@pytest.mark.parametrize("content", ["", "{", "[]", '{"template": null, "version": 1, "answers": {}}', "\udcff"])
def test_a_record_that_can_not_be_read_is_refused(content: str, workshop: Workshop) -> None:
    (workshop.project / RECORD).write_bytes(content.encode(errors="surrogateescape"))
    workshop.commit()
    assert_refused(workshop, [BOT], f"{RECORD} can't be read", f"`git log -p -- {RECORD}` shows it as it was")


def test_a_recorded_version_that_is_gone_is_refused(workshop: Workshop) -> None:
    workshop.write(RECORD, workshop.read(RECORD).replace('"version": "', '"version": "0000'))
    workshop.commit()
    assert_refused(workshop, [BOT], "has no version 0000", "name a repository that has it with --template PATH_OR_URL")


def test_a_template_that_is_recorded_nowhere_is_asked_for(workshop: Workshop) -> None:
    (workshop.project / ".evergreen.local").unlink()
    assert_refused(workshop, [BOT], "It is not recorded where the template is", "with --template PATH_OR_URL")


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


@pytest.mark.parametrize(
    "arguments",
    [[], [f"{question}={choices[0]}" for question, choices in CHOICES.items()], ["--to", NOW], ["--to", "main"]],
    ids=" ".join,
)
def test_the_same_answers_and_version_are_nothing_to_do(arguments: list[str], workshop: Workshop) -> None:
    before = workshop.state()
    assert workshop.regenerate(*arguments).startswith("Nothing to do: the project has these answers, at version ")
    assert workshop.state() == before


@pytest.mark.parametrize("status", [0, 1], ids=["clean", "conflict"])
def test_a_dry_run_says_it_all_and_changes_nothing(status: int, workshop: Workshop) -> None:
    if status:
        workshop.replace("src/app/kit/breaker.py", "import time\n", "import time as watch\n")
        workshop.commit()
    before = workshop.state(), sorted((workshop.repository / ".git" / "objects").rglob("*"))
    said = workshop.regenerate("--to", NEXT, "--dry-run", status=status)
    assert (workshop.state(), sorted((workshop.repository / ".git" / "objects").rglob("*"))) == before
    assert said.endswith("Dry run: nothing was changed.\n")
    done = workshop.regenerate("--to", NEXT, status=status)
    assert done.startswith(said.removesuffix("Dry run: nothing was changed.\n"))


def test_an_answer_is_data_and_never_template_code(workshop: Workshop, tmp_path: Path) -> None:
    code = (
        "{{ 7*7 }} {% raw %} {{ lipsum.__globals__.os.system('touch " + f"{tmp_path}/pwned" + "') }} {% endraw %} '\\"
    )
    workshop.regenerate(f"description={code}", "project_name={{ cookiecutter.api }} 📚")
    assert workshop.answers()["description"] == code
    assert workshop.read("README.md").startswith("# {{ cookiecutter.api }} 📚\n")
    assert not (tmp_path / "pwned").exists()
    workshop.regenerate(BOT)  # the recorded ones are no code either
    assert workshop.answers()["description"] == code
    assert not (tmp_path / "pwned").exists()


def test_the_way_to_a_project_that_exists_is_named_where_one_is_refused() -> None:
    assert "`uv run poe regenerate`" in (ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")


def test_bad_arguments_are_refused_before_git_is_asked(start: Callable[..., Workshop]) -> None:
    workshop = start()
    workshop.variables["PATH"] = "/nowhere"
    assert "is no answer" in workshop.regenerate("nonsense", status=2)
