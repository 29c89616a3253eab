"""Lay the files of the chosen options over the base; cookiecutter runs this in the new project's folder.

What a choice adds or replaces is what lies in `_options/<option>/<choice>/`; a choice without a folder is
the base itself. Of services, each then gets the folders of its module, unchanged.
"""

import json
import shutil
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
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
