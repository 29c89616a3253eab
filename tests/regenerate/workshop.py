"""A project in a repository of its own, to work on and to regenerate."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.template import RECORD

RUNNER = Path(__file__).with_name("with_cached_renders.py")
TIMEOUT_SECONDS = 120
BREAKER = "src/app/kit/breaker.py"
"""A file that the next version of the template changes in one line."""


@dataclass
class Workshop:
    """The project, and the repository that it is, or lies in."""

    project: Path
    repository: Path
    home: Path
    """Where the user's configuration and caches are; renders are kept beside it."""
    variables: dict[str, str] = field(default_factory=dict)
    """More of the environment of each command."""

    def environment(self) -> dict[str, str]:
        """Return the environment of a user who has configured nothing but a name."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            **self.variables,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `poe regenerate ARGUMENTS`."""
        return subprocess.Popen(
            [sys.executable, RUNNER, self.home.parent / "renders", self.project, *arguments],
            cwd=self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def regenerate(self, *arguments: str, status: int = 0) -> str:
        """Run `poe regenerate ARGUMENTS`, which must end with `status`; return what it says."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == status, said
        return said

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git in the repository; return what it prints."""
        command = ["git", *arguments]
        environment = self.environment()
        done = subprocess.run(
            command, cwd=self.repository, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def commit(self) -> str:
        """Commit all that isn't ignored; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", "Work")
        return self.head()

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def read(self, path: str) -> str:
        """Return the text of a file of the project, with its line ends."""
        return (self.project / path).read_bytes().decode()

    def write(self, path: str, text: str) -> None:
        """Write a file of the project, as it is."""
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())

    def append(self, path: str, line: str) -> None:
        """Add a line at the end of a file of the project."""
        self.write(path, f"{self.read(path)}{line}\n")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace what a file of the project has once."""
        text = self.read(path)
        assert text.count(old) == 1
        self.write(path, text.replace(old, new))

    def find(self, end: str) -> str:
        """Return the path of the one Python file of the project that ends so, wherever its module lies."""
        (path,) = [path for path in self.files() if path.endswith(f"src/app/{end}")]
        return path

    def answers(self) -> Mapping[str, str]:
        """Return the recorded answers."""
        return json.loads(self.read(RECORD))["answers"]

    def files(self) -> dict[str, bytes]:
        """Return the content of each file of the project, ignored ones too, by its path."""
        return {
            path.relative_to(self.project).as_posix(): path.read_bytes()
            for path in self.project.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(self.project).parts
        }

    def shared(self) -> dict[str, bytes]:
        """Return the content of each file of the project that a fresh one shares, by its path."""
        return {path: content for path, content in self.files().items() if path != ".evergreen.local"}

    def state(self) -> tuple[object, ...]:
        """Return all that a regeneration could change: files, branches, index, and what git is in the middle of."""
        folder = Path(self.git("rev-parse", "--absolute-git-dir").strip())
        under_way = [name for name in ("CHERRY_PICK_HEAD", "evergreen-regenerate.json") if (folder / name).exists()]
        index = self.git("ls-files", "--stage", check=False)
        return self.files(), self.git("show-ref", "--head", check=False), index, under_way


def copy(workshop: Workshop, folder: Path) -> Workshop:
    """Return a copy of `workshop` in the new `folder`."""
    shutil.copytree(workshop.repository, folder, symlinks=True)
    project = folder / workshop.project.relative_to(workshop.repository)
    return Workshop(project, folder, workshop.home)


def assert_refused(workshop: Workshop, arguments: list[str], *sentences: str) -> None:
    """Assert that nothing changes, and that all `sentences` are said."""
    before = workshop.state()
    said = workshop.regenerate(*arguments, status=2)
    for sentence in sentences:
        assert sentence in said, said
    assert "Traceback" not in said
    assert workshop.state() == before


def assert_regenerated(workshop: Workshop) -> None:
    """Assert that an edited project comes to the next version with its edit, and all is committed."""
    assert "import time as clock" in workshop.read(BREAKER)
    assert "OURS = 1" in workshop.read(BREAKER)
    assert "docs/new.md" in workshop.files()
    assert workshop.git("status", "--porcelain") == ""


def edit(workshop: Workshop) -> None:
    """Add a line to a file that the next version changes elsewhere."""
    workshop.append(BREAKER, "\nOURS = 1")
    workshop.commit()
