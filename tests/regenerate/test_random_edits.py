"""Whatever the user edits outside of the files that a switch changes is found again."""

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.regenerate.conftest import Fresh
from tests.regenerate.template_copy import NOW
from tests.regenerate.test_switches import SWITCHES, Committed, as_arguments
from tests.regenerate.workshop import Workshop, copy

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["append", "prepend", "delete", "rename", "move", "add"]),
        st.integers(0, 10**6),
        st.text("aé\n "),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=10, deadline=None, database=None, suppress_health_check=[*HealthCheck])
@given(edits=EDITS, name=st.sampled_from([*SWITCHES]))
def test_random_edits_outside_of_the_switched_files_are_all_found_again(
    edits: list[tuple[str, int, str]], name: str, committed: Committed, fresh: Fresh, tmp_path: Path
) -> None:
    old, new = SWITCHES[name]
    shutil.rmtree(tmp_path / "random", ignore_errors=True)
    workshop = copy(committed(old), tmp_path / "random")
    before = workshop.shared()
    target = Workshop(fresh(new, NOW), fresh(new, NOW), workshop.home).shared()
    excepted = (".gitignore", "tools/")  # what git sees, and what runs here
    untouched = sorted(path for path in before if before[path] == target.get(path) and not path.startswith(excepted))
    here, there = dict(before), dict(target)
    for number, (kind, place, text) in enumerate(edits):
        path = untouched[place % len(untouched)]
        if path not in here:
            continue
        content = f"{text}\nedit {number}\n".encode()
        for files in (here, there):
            if kind in {"delete", "rename", "move"}:
                moved = files.pop(path)
            if kind == "rename":
                files[f"{path}-{number}"] = moved
            elif kind == "move":
                files[f"ours/{number}/{path}"] = moved
            elif kind == "append":
                files[path] += content
            elif kind == "prepend":
                files[path] = content + files[path]
            elif kind == "add":
                files[f"ours/é {number}.txt"] = content
    for path in before.keys() - here.keys():
        (workshop.project / path).unlink()
    for path, content in here.items():
        workshop.write(path, "")
        (workshop.project / path).write_bytes(content)
    workshop.commit()
    workshop.regenerate(*as_arguments(old, new))
    assert workshop.shared() == there
