"""Lay the files of the chosen options over the base, and record what the project is made from.

cookiecutter runs this in the new project's folder. What a choice adds or replaces is what lies in
`_options/<option>/<choice>/`; a choice without a folder is the base itself. Of services, each then gets the folders of
its module, unchanged.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
TEMPLATE = json.loads(r"""{{ [lipsum.__globals__.os.getcwd()] | jsonify }}""")[0]  # where cookiecutter reads a hook
OPTIONS = Path("_options")
MEMBERS = {"kit": "libs/kit", "catalog": "services/catalog", "lending": "services/lending"}
"""Where each module lies in a workspace of services."""

for option in ("layout", "api", "dependency_bot"):
    chosen = OPTIONS / option / ANSWERS[option]
    if chosen.is_dir():
        shutil.copytree(chosen, Path(), dirs_exist_ok=True)
shutil.rmtree(OPTIONS)

if ANSWERS["layout"] == "services":
    for name, member in MEMBERS.items():
        for folder in ("src/app", "tests", "migrations"):
            Path(member, folder).mkdir(parents=True)
            Path(folder, name).rename(Path(member, folder, name))
    for emptied in ("src/app", "src", "migrations"):
        Path(emptied).rmdir()


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints in the template; none where it is no git repository."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [shutil.which("git") or "false", "-C", TEMPLATE, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.splitlines()


def record() -> None:
    """Write where the template is, which version of it this is, and the answers: what regeneration starts from."""
    inside, commit = (git("rev-parse", "--show-prefix", "HEAD") or ["", ""])[:2]
    own = commit and not inside  # a repository that holds the template's folder among others says nothing of it
    address = (own and [*git("config", "remote.origin.url"), ANSWERS["_template"]][0]) or ANSWERS["_template"]
    shared = re.match(r"(?!file:)\w+://|[\w.-]+@[\w.-]+:", address)  # else a folder of this machine
    made_from = {
        "template": re.sub(r"(https?://)[^/]*@", r"\1", address) if shared else None,  # without a password
        "version": commit if own else ANSWERS["_version"],
        "answers": {name: value for name, value in ANSWERS.items() if not name.startswith("_")},
    }
    text = json.dumps(made_from, indent=2, ensure_ascii=False)
    Path(".evergreen.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    if own and "_repo_dir" in ANSWERS:  # cruft removes its clone
        Path(".evergreen.local").write_text(f"{TEMPLATE}\n", encoding="utf-8")


record()
