"""Run a project's regeneration with renders that earlier runs left: CACHE PROJECT ARGUMENTS…."""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

cache, project, *arguments = sys.argv[1:]
sys.path[:1] = [project]
command, template = import_module("tools.regenerate.__main__"), import_module("tools.regenerate.template")
render = template.Template.render


def cached(self: Any, commit: str, answers: Mapping[str, str]) -> Path:  # noqa: ANN401 - a class of each project's own
    address = self._git.has("config", "remote.origin.url")
    key = json.dumps([commit, address, sorted(answers.items())])
    folder = Path(cache, hashlib.sha256(key.encode()).hexdigest())
    if not folder.exists():
        shutil.copytree(render(self, commit, answers), folder)
    return folder


template.Template.render = cached
sys.argv = ["regenerate", *arguments]
sys.exit(command.main())
