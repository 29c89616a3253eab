"""Answers: the bad ones are refused in a sentence and change nothing, the odd ones come out right."""

import json
import keyword
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conftest import Bake
from tests.template import CHOICES, CONTEXT, QUESTIONS, RECORD, RESERVED, ROOT, tree

COOKIECUTTER = Path(sys.executable).parent / "cookiecutter"

SLUG_RULE = (
    "project_slug must be 1 to 50 lower-case ASCII letters, digits and single hyphens in between, "
    "starting with a letter, for example evergreen-library."
)
MISSHAPEN = {
    "empty": "",
    "spaces only": "   ",
    "a dot": ".",
    "the folder above": "..",
    "two folders above": "../../x",
    "a path": "a/b",
    "a path to an existing folder": "a/../../victim",
    "a path with backslashes": "a\\b",
    "an absolute path": "/nowhere/project",
    "a home folder": "~",
    "a variable": "$HOME",
    "a pattern": "*",
    "template code": "{{ '../x' }}",
    "a leading dash": "-a",
    "a leading dot": ".a",
    "a leading digit": "1a",
    "a trailing dash": "a-",
    "a trailing newline": "a\n",
    "two hyphens": "a--b",
    "an underscore": "a_b",
    "a space": "a b",
    "51 characters": "a" * 51,
    "upper case": "Evergreen",
    "an accent": "évergreen",
    "a Cyrillic look-alike": "\u0435vergreen",
    "a full-width look-alike": "\uff41bc",
}
TAKEN = {
    "class": "a keyword of Python",
    "asyncio": "a module of Python's standard library",
    "litestar": "a dependency of the project",
    "charset-normalizer": "a dependency of the project",
    "nul": "a device on Windows",
    "com1": "a device on Windows",
    "tests": "a folder of the project",
}
NOT_TEXT = {"empty": "", "spaces only": "   ", "newlines only": "\n\t\n", "an escape": "\x1b[31mred", "delete": "a\x7f"}

ODD = {
    "quotes": """Quotes "double" 'single' `back` \"""three\""" '''three'''""",
    "backslashes": 'Backslashes C:\\new\\table \\" \\\\ \\N{BULLET} \\u0041 and one at the end \\',
    "emoji and other scripts": "Emoji 📚 👩\u200d💻 accents é ü and 日本語",
    "braces": "Braces {x} {{ 1 + 1 }} {% raw %} {# note #} ${{ secrets.TOKEN }} ${HOME}",
    "YAML": "- YAML: [a, b] {c: d} & *e !f | > % @ # not a comment",
    "TOML": '[table] key = "value" # not a comment',
    "Markdown": "# *Markdown* _text_ [link](x) ![image](y) <b>bold</b> &amp; ~~gone~~ $x$ | a | #",
    "a numbered list": "1. first",
    "a list": "+ plus",
    "an underlined heading": "=== line",
    "a quote": "> quote",
    "shell and format codes": "$(touch pwned) `touch pwned`; touch pwned %s %(x)s",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder to generate into, with something to lose beside it and in it."""
    folder = tmp_path / "outside" / "here"
    for victim in (tmp_path, tmp_path / "outside", folder):
        (victim / "victim").mkdir(parents=True)
        (victim / "victim" / "precious").write_text("kept", encoding="utf-8")
    return folder


def generate(folder: Path, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the `cookiecutter` command in `folder`, which is also its home; answer its questions with `typed`."""
    return subprocess.run(
        [COOKIECUTTER, ROOT, *arguments],
        cwd=folder,
        env={"HOME": str(folder), "USERPROFILE": str(folder), "PYTHONUTF8": "1"},
        input=typed,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def replay(folder: Path, answers: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `cookiecutter` in `folder` with a replay file of the default answers and these."""
    default = {name: value[0] if name in CHOICES else value for name, value in CONTEXT.items()}
    file = folder / "replay.json"
    file.write_text(json.dumps({"cookiecutter": default | answers}), encoding="utf-8")
    return generate(folder, "--replay-file", str(file))


def assert_refused(folder: Path, answers: Mapping[str, str], sentence: str) -> None:
    """Assert that the command says `sentence`, and nothing else, exits with 1 and leaves every file alone."""
    surroundings = folder.parent.parent
    before = tree(surroundings), {*surroundings.rglob("*")}
    done = generate(folder, "--no-input", *(f"{question}={answer}" for question, answer in answers.items()))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")
    assert (tree(surroundings), {*surroundings.rglob("*")}) == before


@pytest.mark.parametrize("slug", MISSHAPEN.values(), ids=MISSHAPEN)
def test_a_misshapen_slug_is_refused(slug: str, folder: Path) -> None:
    assert_refused(folder, {"project_slug": slug}, SLUG_RULE)


@pytest.mark.parametrize("slug", TAKEN)
def test_a_slug_that_means_something_else_is_refused(slug: str, folder: Path) -> None:
    sentence = (
        f"project_slug must not be {slug}, which is {TAKEN[slug]}: "
        f"choose a name of your own, for example {slug}-service."
    )
    assert_refused(folder, {"project_slug": slug}, sentence)


@pytest.mark.parametrize("text", NOT_TEXT.values(), ids=NOT_TEXT)
@pytest.mark.parametrize("question", ["project_name", "description"])
def test_a_text_that_says_nothing_is_refused(question: str, text: str, folder: Path) -> None:
    sentence = f"{question} must be a line of text: not blank and without control characters."
    assert_refused(folder, {question: text}, sentence)


@pytest.mark.parametrize("question", CHOICES)
def test_a_choice_that_is_not_offered_is_refused(question: str, folder: Path) -> None:
    before = tree(folder)
    done = generate(folder, "--no-input", f"{question}=nonsense")
    assert done.returncode == 1
    assert f"nonsense provided for choice variable {question}, but the choices are" in done.stderr
    assert tree(folder) == before


def test_a_project_is_never_generated_over_another(folder: Path) -> None:
    assert generate(folder, "--no-input").returncode == 0
    project = folder / "evergreen-library"
    (project / "README.md").write_text("edited", encoding="utf-8")
    before = tree(project)
    done = generate(folder, "--no-input", "--overwrite-if-exists")
    assert done.returncode == 1
    assert f"{project} is not empty and stays as it is: generate into an empty folder" in done.stderr
    assert "`uv run poe regenerate`" in done.stderr
    assert tree(project) == before


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        *[("project_slug", "Not-A-Slug"), ("project_slug", "asyncio"), ("project_name", "  "), ("description", "\x7f")],
        *[(question, answer) for question in CHOICES for answer in ("nonsense", "", "../../..")],
    ],
)
def test_answers_from_a_replay_file_are_checked_too(question: str, answer: str, folder: Path) -> None:
    done = replay(folder, {"project_slug": "fine", question: answer})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{question} must ")
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {"replay.json", "victim"}


@pytest.mark.parametrize("question", CHOICES)
def test_every_choice_from_a_replay_file_is_taken(question: str, folder: Path) -> None:
    for choice in CHOICES[question]:
        done = replay(folder, {"project_slug": f"with-{choice}", question: choice})
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_text_typed_at_the_prompt_is_shown_as_typed(text: str, folder: Path) -> None:
    typed = {"project_name": text, "project_slug": "odd", "description": text}
    done = generate(folder, typed="".join(f"{typed.get(question, '')}\n" for question in QUESTIONS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_shown(text, folder / "odd")
    assert not [*folder.rglob("pwned")]


def test_a_text_of_several_lines_is_shown_on_one(bake: Bake) -> None:
    project = bake({"project_name": "Two\nlines", "project_slug": "odd", "description": " Two\r\n\tlines\u2028"})
    assert_shown("Two lines", project)


def test_an_answer_on_the_command_line_is_a_template_to_cookiecutter(bake: Bake, folder: Path) -> None:
    # Not ours to change: `name=value` is rendered before the template sees it. What comes out is checked like
    # any answer, what can't be rendered changes nothing, and {% raw %} takes braces as they are.
    text = "{{ 1 + 1 }} ${{ secrets.TOKEN }}"
    raw = f"{{% raw %}}{text}{{% endraw %}}"
    assert_shown(text, bake({"project_name": raw, "project_slug": "odd", "description": raw}))
    assert_shown("2", bake({"project_name": "{{ 1 + 1 }}", "project_slug": "odd", "description": "{{ 1 + 1 }}"}))
    for broken in ("${{ secrets.TOKEN }}", "{% nonsense", "{# nonsense"):
        before = tree(folder)
        assert generate(folder, "--no-input", f"description={broken}").returncode == 1
        assert tree(folder) == before


def test_the_rendered_files_are_all_that_show_an_answer(bake: Bake) -> None:
    one = tree(bake({"project_name": "One", "project_slug": "one", "description": "The first."}))
    two = tree(bake({"project_name": "Two", "project_slug": "two", "description": "The second."}))
    assert {path for path in one if one[path] != two[path]} == {RECORD, "README.md", "pyproject.toml"}


def assert_shown(text: str, project: Path) -> None:
    """Assert that `text`, given as name and description, reads the same wherever `project` shows it."""
    recorded = json.loads((project / RECORD).read_text(encoding="utf-8"))["answers"]
    assert {question for question, answer in recorded.items() if " ".join(answer.split()) == text} == {
        "project_name",
        "description",
    }
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["description"] == text
    tokens = MarkdownIt("commonmark").parse((project / "README.md").read_text(encoding="utf-8"))
    heading, paragraph = [token for token in tokens if token.type == "inline"][:2]
    assert [tokens[0].tag, tokens[3].type] == ["h1", "paragraph_open"]
    assert [(part.type, part.content) for part in heading.children] == [("text", text)]
    assert (paragraph.children[0].type, paragraph.children[0].content) == ("text", text)


@pytest.mark.parametrize("layout", CHOICES["layout"])
def test_every_name_that_means_something_else_is_reserved(bake: Bake, layout: str) -> None:
    project = bake({"layout": layout})
    subprocess.run([COOKIECUTTER.with_name("uv"), "lock", "--quiet"], cwd=project, check=True)
    locked = tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))["package"]
    taken = {
        *keyword.kwlist,
        *sys.stdlib_module_names,
        *(package["name"] for package in locked if package["name"] != project.name),
        *(path.name for path in project.iterdir() if path.is_dir()),
    }
    slugs = {name for name in taken if re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", name)}
    assert sorted(slugs - RESERVED) == []
