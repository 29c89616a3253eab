"""A copy of the template in a repository of its own, with versions that the real one doesn't have yet."""

import shutil
import subprocess
from pathlib import Path

from tests.template import BASE, ROOT

NOW, NEXT, MOVED = "0.1.0", "v0.2.0", "moved"
"""Three versions: the template as it is, one with a change of each kind, one that moved its modules to folders."""

LOGO = "docs/logo.png"
MOVES = {
    f"{kind}/{module}": f"{home}/{kind}/{module}"
    for module, home in {"catalog": "services/catalog", "lending": "services/lending", "kit": "libs/kit"}.items()
    for kind in ("src/app", "tests", "migrations")
}


def make(folder: Path) -> None:
    """Make the copy in the new `folder`, with its tags."""
    shutil.copytree(ROOT / "hooks", folder / "hooks")
    shutil.copytree(BASE, folder / BASE.name)
    for name in ("cookiecutter.json", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    base = folder / BASE.name
    (base / LOGO).write_bytes(bytes(range(256)))
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _tag(folder, NOW)
    for part in (base, *base.glob("_options/*/*")):
        for old, new in MOVES.items():
            if (part / old).exists():
                (part / new).parent.mkdir(parents=True, exist_ok=True)
                (part / old).rename(part / new)
    _replace(base / "README.md", "## Start", "## Start it, in folders")
    _tag(folder, MOVED)
    _git(folder, "checkout", "--quiet", NOW)
    change(folder)
    _tag(folder, NEXT)
    _git(folder, "switch", "--quiet", "--force-create", "main", NOW)


def change(folder: Path) -> None:
    """Change the copy: a question, a choice and a file more, one changed of each kind, one gone, one renamed."""
    base = folder / BASE.name
    (base / LOGO).write_bytes(bytes(reversed(range(256))))
    _replace(base / "README.md", "## Start", "## First start")
    _replace(base / "src/app/kit/breaker.py", "import time\n", "import time as clock\n")
    (base / "docs/new.md").write_text("# New\n", encoding="utf-8")
    (base / "docs/practices.md").unlink()
    (base / "src/app/kit/visits.py").rename(base / "src/app/kit/visitors.py")
    _replace(folder / "cookiecutter.json", '["renovate", "dependabot"]', '["renovate", "dependabot", "none"]')
    motto = '  "motto": "Slow is smooth: {{ cookiecutter.project_name }}",\n'
    _replace(folder / "cookiecutter.json", '  "layout": [', f'{motto}  "layout": [')
    _replace(folder / "hooks/pre_gen_project.py", '"dependabot"]', '"dependabot", "none"]')


def at(template: Path, version: str, folder: Path) -> Path:
    """Return a clone of `template` in the new `folder`, at `version`, to bake from."""
    _git(template, "clone", "--quiet", ".", str(folder))
    _git(folder, "checkout", "--quiet", version)
    return folder


def _tag(folder: Path, name: str) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", name)
    _git(folder, "tag", name)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Template", "-c", "user.email=template@example.org", "-c", "commit.gpgSign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)
