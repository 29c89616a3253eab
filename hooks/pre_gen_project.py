"""Refuse bad answers, and a folder that holds anything; cookiecutter runs this in the new project's folder.

cookiecutter.json has checked the answers before that folder was made. This is the second look, in plain
Python, for answers that came another way, such as a replay file.
"""

import json
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
CHOICES = {
    "layout": ["monolith", "services"],
    "api": ["rest", "graphql"],
    "dependency_bot": ["renovate", "dependabot"],
}
SLUG = re.compile(r"(?!.{51})[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED = {name for lines in ANSWERS["_reserved"].values() for line in lines for name in line.split()}


def refusal(answers: dict, target: Path) -> str | None:
    """Return the sentence that says why no project can be made of `answers` in `target`; None if one can."""
    for question in ("project_name", "description"):
        text = " ".join(answers[question].split())
        if not text or min(text) < " " or re.search("[\x7f\ud800-\udfff]", text):
            return f"{question} must be a line of text: not blank and without control characters."
    for question, choices in CHOICES.items():
        if answers[question] not in choices:
            return f"{question} must be {' or '.join(choices)}."
    slug = answers["project_slug"]
    if not SLUG.fullmatch(slug):
        return "project_slug must be 1 to 50 lower-case ASCII letters, digits and single hyphens in between."
    if slug in RESERVED | sys.stdlib_module_names:
        return f"project_slug must not be {slug}, which is taken: choose a name of your own."
    if any(target.iterdir()):
        return (
            f"{target} is not empty and stays as it is: generate into an empty folder (cookiecutter --output-dir), "
            "or run `uv run poe regenerate` in a project, which keeps your changes (`--help` says more)."
        )
    return None


sys.exit(refusal(ANSWERS, Path.cwd()))
