"""What is refused: with a sentence that says what to do, exit status 2, and nothing changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regenerate.template_copy import NEXT, NOW
from tests.regenerate.workshop import Workshop, assert_refused
from tests.template import CHOICES, QUESTIONS, RECORD, ROOT

BOT = "dependency_bot=dependabot"


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
