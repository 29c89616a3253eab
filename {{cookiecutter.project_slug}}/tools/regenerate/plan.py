"""What a regeneration will do: two commits on no branch, and what git makes of the second on top of the user's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.regenerate import summary, trees
from tools.regenerate.answers import FILE
from tools.regenerate.git import Git, GitFailed
from tools.regenerate.project import SUBJECT, Project


@dataclass(frozen=True)
class Plan:
    """What git will do."""

    commit: str
    """What to bring onto the branch."""
    paths: frozenset[str]
    """All that git may write."""
    conflicts: Mapping[str, str]
    """What git says of each file that it can't merge."""
    summary: tuple[str, ...]


def plan(project: Project, renders: tuple[Path, Path], what: str, work: Path, *, dry: bool) -> Plan:
    """Return what brings the difference of the two `renders` into the project; a `dry` plan leaves no trace.

    Raises Refused where something that git doesn't keep would be written over.
    """
    git, prefix = project.git, project.prefix
    if dry:
        store = Path(git("rev-parse", "--path-format=absolute", "--git-path", "objects"))
        (work / "objects").mkdir()
        own = {"GIT_OBJECT_DIRECTORY": str(work / "objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(store)}
        git = Git(git.folder, own)
    user = trees.of_commit(git, "HEAD", prefix)
    old, new = (trees.of_render(git, render, prefix) for render in renders)
    old[prefix + FILE] = user[prefix + FILE]  # so that the new one merges, however the user wrote it

    def commits() -> tuple[str, str]:
        base = trees.commit(git, old, prefix, None, "As it was made", work / "index")
        return base, trees.commit(git, new, prefix, base, SUBJECT + what, work / "index")

    base, commit = commits()
    renamed = trees.renames(git, base, commit)
    trees.with_line_ends(git, prefix, old, new, renamed)
    left = trees.take_along(user, old, new, renamed, trees.renames(git, base, "HEAD"))
    made = base
    base, commit = commits()
    merged, conflicts = _merge(git, base, commit)
    written = git.list("diff-tree", "-r", "-z", "--no-renames", "--name-only", "HEAD", merged)
    paths = frozenset({*written, *conflicts})
    project.check_places((new.keys() | paths) - user.keys(), user)
    project.check_flags(paths)
    return Plan(commit, paths, conflicts, tuple(summary.lines(git, "HEAD", made, merged, conflicts, left)))


def _merge(git: Git, base: str, commit: str) -> tuple[str, Mapping[str, str]]:
    """Return the tree of merging `commit` into HEAD as if both came from `base`, and what git can't merge."""
    ours = git("commit-tree", "--no-gpg-sign", "HEAD^{tree}", "-p", base, given="As it is")
    try:
        output = git.bytes("merge-tree", "--write-tree", "-z", "--name-only", "--messages", ours, commit)
    except GitFailed as error:
        if error.status != 1:
            raise
        output = error.output
    tree, *rest = os.fsdecode(output).split("\0")
    end = rest.index("") if "" in rest else 0
    reasons = dict.fromkeys(rest[:end], "conflict")
    parts = iter(rest[end + 1 :])
    for number in parts:
        if not number:
            break
        paths = [next(parts) for _ in range(int(number))]
        kind, message = next(parts), next(parts).strip()
        if kind.startswith("CONFLICT"):
            reasons |= {path: message for path in paths if path in reasons}
    return tree, reasons
