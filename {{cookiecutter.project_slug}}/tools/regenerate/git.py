"""git, run so that neither the environment nor the user's configuration changes what it does for us."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = {
    "core.quotePath": "false",
    "advice.mergeConflict": "false",
    "merge.renames": "true",
    "merge.renameLimit": "100000",  # a switch of layout renames most files; the default may give up
    "merge.directoryRenames": "false",  # would take a module of the user's along into the kit: trees.py decides
}


class Refused(Exception):
    """Nothing was changed; the message names the thing, says what was wrong with it and what to do."""


class Stuck(Exception):
    """Something was changed and could not be put back; the message says how to."""


class GitFailed(Exception):
    """git ended with another status than 0; the message is what it said."""

    def __init__(self, message: str, status: int, output: bytes) -> None:
        super().__init__(message)
        self.status = status
        self.output = output


class Git:
    """git in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, *, hooks: bool = False) -> None:
        """Take the folder, variables for each call, and whether hooks run (only for the user's own commit)."""
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not _is_about_a_repository(name)}
        self.environment |= environment or {}
        settings = CONFIGURATION if hooks else {**CONFIGURATION, "core.hooksPath": os.devnull}
        self._settings = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def bytes(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what `git ARGUMENTS` prints when it reads `given`; raise GitFailed where its status is not 0."""
        command = ["git", *self._settings, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, input=given, capture_output=True, check=False
        )
        if done.returncode:
            message = os.fsdecode(done.stderr.strip() or done.stdout.strip()) or f"it ended with {done.returncode}"
            raise GitFailed(message, done.returncode, done.stdout)
        return done.stdout

    def __call__(self, *arguments: str, given: str = "") -> str:
        """Return what `git ARGUMENTS` prints, as text without white space around it; raise GitFailed."""
        return os.fsdecode(self.bytes(*arguments, given=os.fsencode(given))).strip()

    def list(self, *arguments: str) -> list[str]:
        """Return the parts that `git ARGUMENTS`, told `-z`, ends with NUL; raise GitFailed."""
        return os.fsdecode(self.bytes(*arguments)).split("\0")[:-1]

    def has(self, *arguments: str) -> str | None:
        """Return what `git ARGUMENTS` prints; None where its status is not 0."""
        try:
            return self(*arguments)
        except GitFailed:
            return None


def _is_about_a_repository(name: str) -> bool:
    """Whether the variable `name` points git to a repository, as those that git sets for its hooks do."""
    return name in {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        *("GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES", "GIT_LITERAL_PATHSPECS"),
    }
