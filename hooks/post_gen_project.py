"""Lay the files of the chosen options over the base; cookiecutter runs this in the new project's folder.

What a choice adds or replaces is what lies in `_options/<option>/<choice>/`; a choice without a folder is
the base itself.
"""

import json
import shutil
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
OPTIONS = Path("_options")

for option in ("layout", "api", "dependency_bot"):
    chosen = OPTIONS / option / ANSWERS[option]
    if chosen.is_dir():
        shutil.copytree(chosen, Path(), dirs_exist_ok=True)
shutil.rmtree(OPTIONS)
