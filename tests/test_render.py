"""What comes out of the template: these files and no others, well-formed, the same each time."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from cookiecutter.generate import is_copy_only_path

from tests.conftest import Bake
from tests.template import BASE, CHOICES, CONTEXT, QUESTIONS, RECORD, ROOT, VARIANTS, home, project_tree, tree

PATHS = Path(__file__).parent / "paths"
DIFFER = PATHS / "layouts-differ.txt"
"""What both layouts have, and not the same; a file that one of them lacks is in its own list."""

RENDERED = {".env.example", "README.md", "pyproject.toml"}
"""The names of all files that show an answer. Every other one is copied as it lies, so that tools can read it."""

TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def project(variant: str, bake: Bake) -> Path:
    return bake(VARIANTS[variant])


def test_every_question_and_every_choice_is_put_in_words() -> None:
    prompts = CONTEXT["__prompts__"]
    assert list(prompts) == QUESTIONS
    assert {question: list(prompts[question])[1:] for question in CHOICES} == CHOICES


def test_a_project_holds_exactly_the_listed_files(variant: str, project: Path) -> None:
    lists = [PATHS / "every.txt", *(PATHS / f"{choice}.txt" for choice in VARIANTS[variant].values())]
    listed = [line for file in lists if file.exists() for line in _lines(file)]
    assert sorted(map(home, project_tree(project))) == sorted(listed)


def test_layouts_differ_in_the_listed_files_only(bake: Bake) -> None:
    default = {question: answers[0] for question, answers in CHOICES.items()}
    one, other = (
        {home(path): content for path, content in project_tree(bake(default | {"layout": layout})).items()}
        for layout in CHOICES["layout"]
    )
    assert sorted(path for path in one.keys() & other.keys() if one[path] != other[path]) == _lines(DIFFER)


def test_two_projects_from_the_same_answers_are_the_same(variant: str, project: Path, bake: Bake) -> None:
    assert tree(bake(VARIANTS[variant])) == tree(project)


def test_only_the_listed_files_are_rendered() -> None:
    context = {"cookiecutter": CONTEXT}
    files = [path.relative_to(BASE) for path in BASE.rglob("*") if path.is_file()]
    assert {file.name for file in files if not is_copy_only_path(str(file), context)} == RENDERED


def test_no_folder_is_copied_whole() -> None:
    # cookiecutter would remove what the target has under that name first.
    context = {"cookiecutter": CONTEXT}
    folders = [str(path.relative_to(BASE)) for path in BASE.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if is_copy_only_path(folder, context)] == []


def test_every_other_file_is_the_template_s_own(variant: str, project: Path) -> None:
    sources = tree(BASE)
    for option, choice in VARIANTS[variant].items():
        sources |= tree(BASE / "_options" / option / choice)
    for path, content in project_tree(project).items():
        assert Path(path).name in {*RENDERED, RECORD} or content == sources[home(path)], path


def test_nothing_of_the_template_is_left_in_the_rendered_files(project: Path) -> None:
    for path, content in project_tree(project).items():
        marks = [mark for mark in ("{{", "{%", "%}", "{#", "#}", "cookiecutter.") if mark in content.decode()]
        assert Path(path).name not in RENDERED or not marks, path


def test_every_file_parses(project: Path) -> None:
    parsers = {".py": ast.parse, ".toml": tomllib.loads, ".json": json.loads, ".yml": yaml.safe_load}
    for path, content in tree(project).items():
        parsers.get(Path(path).suffix, str)(content.decode())


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_a_project_is_born_clean(arguments: list[str], project: Path) -> None:
    _run("ruff", *arguments, "--no-cache", ".", cwd=project)


def test_pyproject_is_valid(project: Path) -> None:
    _run("validate-pyproject", *map(str, project.rglob("pyproject.toml")), cwd=project)


def test_workflows_are_valid(project: Path) -> None:
    for workflow in [*project.glob(".github/workflows/*"), *ROOT.glob(".github/workflows/*")]:
        _run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow))


def test_the_dependency_bot_has_a_valid_configuration(variant: str, project: Path) -> None:
    bot = VARIANTS[variant]["dependency_bot"]
    file = {"renovate": "renovate.json", "dependabot": ".github/dependabot.yml"}[bot]
    _run("check-jsonschema", "--builtin-schema", f"vendor.{bot}", file, cwd=project)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _run(tool: str, *arguments: str, cwd: Path = ROOT) -> None:
    done = subprocess.run([TOOLS / tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
