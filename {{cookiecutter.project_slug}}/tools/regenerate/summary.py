"""What a regeneration did, for people to read."""

from collections.abc import Iterable, Mapping, Sequence

from tools.regenerate.git import Git

KINDS = {"A": "added", "M": "changed", "T": "changed", "D": "removed", "R": "renamed"}


def lines(git: Git, head: str, base: str, merged: str, conflicts: Mapping[str, str], left: Sequence[str]) -> list[str]:
    """Return the summary of merging: what happens to `head`, and what of it stays though `base` is different."""
    shown: dict[str, list[str]] = {kind: [] for kind in ("added", "changed", "removed", "renamed")}
    for status, source, target in _changes(git, head, merged):
        if not {source, target} & conflicts.keys():
            shown[KINDS[status]].append(source if source == target else f"{source} → {target}")
    own = kept = 0
    shown["kept"] = []
    for status, source, target in _changes(git, base, head):
        if {source, target} & conflicts.keys():
            continue
        if status == "A":
            own += 1
        else:
            kept += 1
            note = {"D": " (you removed it)", "R": f" (you renamed it to {target})"}.get(status, " (your changes)")
            shown["kept"].append(source + note)
    shown["conflicted"] = [f"{path}: {reason}" for path, reason in conflicts.items()]
    text = [line for kind, entries in shown.items() for line in _section(kind, entries)]
    if own:
        text.append(f"kept: {own} {'file' if own == 1 else 'files'} of your own")
    if left:
        text += _section("left where they were", left)
        text.append("  The template has nothing in these folders now: move what you need to its new place (README.md).")
    return text


def _section(title: str, entries: Sequence[str]) -> Iterable[str]:
    return [f"{title}: {len(entries)}", *(f"  {entry}" for entry in entries)] if entries else []


def _changes(git: Git, old: str, new: str) -> Iterable[tuple[str, str, str]]:
    """Return status, old path and new path of each file that differs."""
    parts = iter(git.list("diff-tree", "-r", "-z", "-M", "-l0", "--name-status", old, new))
    for status in parts:
        source = next(parts)
        yield status[0], source, next(parts) if status[0] == "R" else source
