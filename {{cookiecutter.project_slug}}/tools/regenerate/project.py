"""The user's project: what must be true of it before anything changes, and how a change is applied and undone."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tools.regenerate.answers import FILE
from tools.regenerate.git import Git, GitFailed, Refused, Stuck

OLDEST_GIT = (2, 38)  # the first that can merge without a working tree
SUBJECT = "Regenerate with "
UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
}
LOCK_SECONDS = 5
AGAIN = "when that is settled, `uv run poe regenerate --abort` puts it back"


class Project:
    """A project in its repository, with nothing to lose in it."""

    def __init__(self, folder: Path) -> None:
        """Find the repository of the project in `folder`. Raise Refused where there is none."""
        self.folder = folder
        git = Git(folder)
        try:
            version = git("version")
        except FileNotFoundError:
            raise Refused("git is not installed: install it, version 2.38 or newer") from None
        if tuple(int(part) for part in version.split()[2].split(".")[:2]) < OLDEST_GIT:
            raise Refused(f"{version} is too old: install 2.38 or newer")
        try:
            top = Git(folder, {"LC_ALL": "C"})("rev-parse", "--show-toplevel")
        except GitFailed as error:
            if "not a git repository" not in str(error):
                raise Refused(f"git can't work in {folder}: {error}") from None
            raise Refused(
                f"{folder} is in no git repository, so nothing could be undone: make one with\n"
                '  git init && git add --all && git commit -m "Start"'
            ) from None
        self.git = Git(Path(top))
        self.prefix = os.fsdecode(git.bytes("rev-parse", "--show-prefix").removesuffix(b"\n"))
        self._journal = self._state("evergreen-regenerate.json")

    def check(self) -> str:
        """Return the commit to start from. Raise Refused unless all is committed and nothing is under way."""
        if self._journal.exists() and not self._is_over():
            raise Refused("A regeneration was interrupted: go back with `uv run poe regenerate --abort`")
        for name, what in UNDER_WAY.items():
            if self._state(name).exists():
                ours = " of a regeneration" if name == "CHERRY_PICK_HEAD" and self._ours() else ""
                back = "uv run poe regenerate --abort" if ours else f"git {what} --abort"
                raise Refused(f"A {what}{ours} is under way: end it with `git {what} --continue` or `{back}`")
        head = self.git.has("rev-parse", "--verify", "--quiet", "HEAD")
        if not head or self.git.has("cat-file", "-e", f"HEAD:{self.prefix}{FILE}") is None:
            raise Refused(f'{FILE} is not committed: commit the project with\n  git add --all && git commit -m "Start"')
        changed = self.git.list("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no")
        if changed:
            names = ", ".join(line[3:] for line in changed[:5]) + (", …" if changed[5:] else "")
            raise Refused(f"There are changes that are not committed ({names}): commit them, or `git stash`")
        if self._state("index.lock").exists():
            raise Refused(f"Another git is at work here: if there is none, remove {self._state('index.lock')}")
        for role in ("AUTHOR", "COMMITTER"):
            if not self.git.has("var", f"GIT_{role}_IDENT"):
                raise Refused("git doesn't know who you are: tell it with `git config user.name` and `user.email`")
        return head

    def check_places(self, paths: Iterable[str], tracked: Iterable[str]) -> None:
        """Raise Refused where something that git doesn't keep lies at one of `paths`, or at a folder it needs."""
        kept = {str(part) for path in tracked for part in (PurePosixPath(path), *PurePosixPath(path).parents)}
        in_the_way = set()
        for path in paths:
            for place in (path, *map(str, PurePosixPath(path).parents[:-1])):
                file = self.git.folder / place
                folder = place != path and file.is_dir() and not file.is_symlink()
                if place not in kept and os.path.lexists(file) and not folder:
                    in_the_way.add(place)
        if in_the_way:
            raise Refused(
                f"These would be written over, and git doesn't keep them: {', '.join(sorted(in_the_way))}. "
                "Move them away, or commit them (ignored ones with `git add --force`)"
            )

    def check_flags(self, paths: Iterable[str]) -> None:
        """Raise Refused where git was told to overlook changes in one of `paths`."""
        flagged = {line[2:] for line in self.git.list("ls-files", "-v", "-z") if line[0] == "S" or line[0].islower()}
        overlooked = sorted(flagged & {*paths})
        if overlooked:
            raise Refused(
                f"git is told to overlook changes in {', '.join(overlooked)}: "
                "`git update-index --no-assume-unchanged --no-skip-worktree` on them first"
            )

    def pick(self, commit: str, paths: Iterable[str]) -> str | None:
        """Bring `commit` onto the branch, which may write `paths`; return why git did not commit it, or None.

        What git could not merge is left to the user, in git's own state. After any other failure, and after
        `undo` where even this process was killed, all is as it was. Raises GitFailed.
        """
        journal = {"head": self.git("rev-parse", "HEAD"), "paths": sorted(paths)}
        draft = self._journal.with_suffix(".new")
        draft.write_text(json.dumps(journal), encoding="utf-8")
        draft.replace(self._journal)
        try:
            Git(self.git.folder, hooks=True)("cherry-pick", "--strategy=ort", commit)
        except (GitFailed, KeyboardInterrupt) as error:
            if self._picked() != commit:
                self._restore()
                raise
            self._journal.unlink()
            return str(error)
        self._journal.unlink()
        return None

    def undo(self) -> str:
        """Put everything back to before the regeneration that is under way; return what was done. Raise Refused."""
        if self._journal.exists() and not self._is_over():
            self._restore(LOCK_SECONDS)
            return "The interrupted regeneration is undone."
        if not self._ours():
            raise Refused(
                "No regeneration is under way. One that is committed is undone with `git revert HEAD` "
                "if it is the last commit"
            )
        try:
            self.git("cherry-pick", "--abort")
        except GitFailed:  # what git merged was changed since: it belongs to what is undone
            self._write_back(self.git.list("diff", "--cached", "--name-only", "--no-renames", "-z", "HEAD"))
            self.git("cherry-pick", "--quit")
        return "The regeneration is undone."

    def _picked(self) -> str | None:
        """Return the commit that git could not bring onto the branch; None if there is none."""
        return self.git.has("rev-parse", "--verify", "--quiet", "CHERRY_PICK_HEAD")

    def _ours(self) -> bool:
        return (self.git.has("log", "-1", "--format=%s", "CHERRY_PICK_HEAD") or "").startswith(SUBJECT)

    def _is_over(self) -> bool:
        """Whether git ended what the journal of a killed process is about; the journal is of no use then."""
        journal: Mapping[str, str] = json.loads(self._journal.read_text(encoding="utf-8"))
        over = self._ours() or self.git("rev-parse", "HEAD") != journal["head"]
        if over:
            self._journal.unlink()
        return over

    def _restore(self, patience: float = 0) -> None:
        """Undo what the journal is about: a cherry-pick that died while it wrote files.

        Wait `patience` seconds for its lock: the git of a process that was killed may still be at work.
        """
        journal = json.loads(self._journal.read_text(encoding="utf-8"))
        lock = self._state("index.lock")
        deadline = time.monotonic() + patience
        while lock.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        lock.unlink(missing_ok=True)
        try:
            self._write_back(journal["paths"])
        except (GitFailed, OSError) as error:
            raise Stuck(f"The project is half changed and can't be put back now ({error}): " + AGAIN) from None
        self._journal.unlink()

    def _write_back(self, paths: Iterable[str]) -> None:
        """Make `paths` and the index what they are in HEAD."""
        tracked = {*self.git.list("ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD")}
        for path in {*paths} - tracked:  # first: the disk may be full
            file = self.git.folder / path
            file.unlink(missing_ok=True)
            for folder in file.relative_to(self.git.folder).parents[:-1]:
                try:
                    (self.git.folder / folder).rmdir()
                except OSError:  # not empty, or not there
                    break
        self.git("read-tree", "HEAD")
        back = "".join(f"{path}\0" for path in {*paths} & tracked)
        self.git("checkout-index", "--force", "-z", "--stdin", given=back)
        self.git.has("update-index", "-q", "--refresh")

    def _state(self, name: str) -> Path:
        return self.git.folder / self.git("rev-parse", "--git-path", name)
