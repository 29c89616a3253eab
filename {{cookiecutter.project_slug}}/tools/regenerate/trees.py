"""The two renders as trees of the user's repository: what git merges, and which files of the user's go along."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tools.regenerate.answers import LOCAL
from tools.regenerate.git import Git

Tree = dict[str, tuple[str, str]]
"""Mode and object by path in the repository."""


def of_commit(git: Git, commit: str, prefix: str) -> Tree:
    """Return the files of `commit` below `prefix`, a path that is empty or ends with a slash."""
    tree = {}
    for line in git.list("ls-tree", "-r", "-z", "--full-tree", commit, *([prefix] if prefix else [])):
        facts, path = line.split("\t", 1)
        mode, _, name = facts.split(" ")
        tree[path] = (mode, name)
    return tree


def of_render(git: Git, folder: Path, prefix: str) -> Tree:
    """Store the files of `folder`, as they are, and return them as a tree below `prefix`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / LOCAL)
    names = git("hash-object", "-w", "--no-filters", "--stdin-paths", given="".join(f"{file}\n" for file in files))
    modes = ["100755" if os.access(file, os.X_OK) and os.name != "nt" else "100644" for file in files]
    paths = [prefix + file.relative_to(folder).as_posix() for file in files]
    return dict(zip(paths, zip(modes, names.split(), strict=True), strict=True))


def commit(git: Git, tree: Tree, prefix: str, parent: str | None, message: str, index: Path) -> str:
    """Return a new commit on no branch: HEAD with `tree` in place of all below `prefix`. It is not signed."""
    git = Git(git.folder, {**git.environment, "GIT_INDEX_FILE": str(index)})
    git("read-tree", "HEAD")
    nothing = "0" * len(git("rev-parse", "HEAD"))
    gone = [f"0 {nothing}\t{path}\0" for path in of_commit(git, "HEAD", prefix)]
    here = [f"{mode} {name}\t{path}\0" for path, (mode, name) in tree.items()]
    git("update-index", "-z", "--index-info", given="".join(gone + here))
    parents = ["-p", parent] if parent else []
    return git("commit-tree", "--no-gpg-sign", git("write-tree"), *parents, given=message)


def renames(git: Git, old: str, new: str) -> dict[str, str]:
    """Return the new path of each file that git takes for renamed between two trees or commits."""
    parts = git.list("diff-tree", "-r", "-z", "-M", "-l0", "--diff-filter=R", "--name-status", old, new)
    return dict(zip(parts[1::3], parts[2::3], strict=True))


def moved_folders(old: Tree, new: Tree, renamed: Mapping[str, str]) -> dict[str, str]:
    """Return the new path of each folder of `old` that moved as a whole.

    A folder moved if it is only in `old`, its new place is only in `new`, and all files that left it for another
    place kept their paths below it. Files of the same content don't count: which went where is anyone's guess.
    """
    contents = [name for _, name in old.values()]
    votes: dict[str, set[str]] = {}
    for source, target in renamed.items():
        if contents.count(old[source][1]) > 1:
            continue
        for folder in PurePosixPath(source).parents[:-1]:
            below = source.removeprefix(str(folder))
            votes.setdefault(str(folder), set()).add(target.removesuffix(below) if target.endswith(below) else "")
    before, after = folders(old), folders(new)
    return {
        folder: target
        for folder, (target, *others) in votes.items()
        if not others and target in after - before and folder in before - after
    }


def folders(paths: Iterable[str]) -> set[str]:
    """Return the folders that `paths` lie in."""
    return {str(folder) for path in paths for folder in PurePosixPath(path).parents[:-1]}


def take_along(user: Tree, old: Tree, new: Tree, renamed: Mapping[str, str], by_user: Mapping[str, str]) -> list[str]:
    """Put what the user has in folders that moved into `old`, and into `new` at its new place, so that it moves too.

    That is files of the user's own, those that the user renamed, under the user's name, and those that only the
    user changed, which git could mistake for others of the same content. Return the files of the user's own that
    stay in a folder which the project has no more.
    """
    moved, before, after = moved_folders(old, new, renamed), folders(old), folders(new)
    origins = {target: source for source, target in by_user.items()}
    left = []
    for path in user:
        ancestors = [str(folder) for folder in PurePosixPath(path).parents[:-1]]
        home = next((folder for folder in ancestors if folder in before), None)
        place = moved[home] + path.removeprefix(home) if home in moved else None
        if place and path in old:
            if new.get(place) == old[path]:
                old[path] = new[place] = user[path]
        elif place and place not in new:
            source = origins.get(path)
            target = renamed.get(source, source) if source else None
            if source and target in new:
                old[path], new[place] = old.pop(source), new.pop(target)
            elif not source:
                old[path] = new[place] = user[path]
        elif path not in old and home and home not in after:
            left.append(path)
    return sorted(left)


def with_line_ends(git: Git, prefix: str, old: Tree, new: Tree, renamed: Mapping[str, str]) -> None:
    """Give the files that the user committed with CRLF the same line ends in `old` and `new`."""
    for line in git.list("ls-files", "--eol", "-z", "--", f":(literal){prefix}"):
        facts, path = line.split("\t", 1)
        if facts.startswith("i/crlf") and path in old:
            places = [(old, path), (new, renamed.get(path, path))]
            for tree, place in places:
                if place in tree:
                    mode, name = tree[place]
                    content = git.bytes("cat-file", "blob", name).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                    tree[place] = mode, git.bytes("hash-object", "-w", "--stdin", given=content).decode().strip()
