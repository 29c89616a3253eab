"""The template as its tests see it: its questions, its variants, its files."""

import json
import re
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "{{cookiecutter.project_slug}}"
CONTEXT = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

QUESTIONS = [name for name in CONTEXT if not name.startswith("_")]
CHOICES = {question: CONTEXT[question] for question in QUESTIONS if isinstance(CONTEXT[question], list)}
VARIANTS = {"-".join(chosen): dict(zip(CHOICES, chosen, strict=True)) for chosen in product(*CHOICES.values())}
"""Each combination of choices, under the name it has in a test's id: `monolith-rest-renovate`."""

RESERVED = {name for lines in CONTEXT["_reserved"].values() for line in lines for name in line.split()}


RECORD = ".evergreen.json"
"""The file of a project that says what it was made from."""
MOVED = re.compile(r"(libs|services)/(?P<module>\w+)/(?P<place>(src/app|tests|migrations)/(?P=module)/.+)")
"""Where a file of a module lies in a workspace of services."""


def home(path: str) -> str:
    """Return where the template has a file of a project: at its place in the monolith, wherever its module lies."""
    moved = MOVED.fullmatch(path)
    return moved["place"] if moved else path


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of each file in `folder`, by its path in there with slashes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def project_tree(project: Path) -> dict[str, bytes]:
    """Return the content of each file of a new project that its users share, by its path."""
    return {path: content for path, content in tree(project).items() if path != ".evergreen.local"}
