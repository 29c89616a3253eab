"""Whatever dies, and whenever: the project is as it was, or one command makes it so."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regenerate.template_copy import NEXT
from tests.regenerate.workshop import BREAKER, TIMEOUT_SECONDS, Workshop

GIT = shutil.which("git")


def put_before_git(workshop: Workshop, text: str) -> Path:
    """Have the shell script `text` run in place of git, which it finds in $GIT; return its folder."""
    folder = workshop.home.parent / f"bin-{workshop.repository.parent.name}"
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(f"#!/bin/sh\nGIT={GIT}\nHERE={folder}\n{text}\n", encoding="utf-8")
    (folder / "git").chmod(0o755)
    workshop.variables["PATH"] = f"{folder}:{workshop.environment()['PATH']}"
    return folder


def write_dies(workshop: Workshop, script: str) -> None:
    """Have git run `script` when it is about to write docs/new.md, after it wrote and removed others."""
    workshop.write(".gitattributes", "docs/new.md filter=dying\n")
    workshop.append(BREAKER, "\nOURS = 1")
    workshop.commit()
    file = workshop.home.parent / f"dying-{workshop.repository.parent.name}.sh"
    file.write_text(script, encoding="utf-8")
    workshop.git("config", "filter.dying.smudge", f"exec sh '{file}'")
    workshop.git("config", "filter.dying.clean", "cat")


def survive(workshop: Workshop) -> None:
    """Take away what was put there to fail."""
    workshop.variables.clear()
    workshop.git("config", "--remove-section", "filter.dying", check=False)


def calls_of_git(workshop: Workshop, status: int) -> list[str]:
    """Regenerate once; return the command of each call of git on the way."""
    folder = put_before_git(workshop, 'echo "$*" >> "$HERE/calls"; exec "$GIT" "$@"')
    workshop.regenerate("--to", NEXT, status=status)
    workshop.variables.clear()
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("conflict", [False, True], ids=["clean", "conflict"])
def test_killed_at_any_call_of_git_it_leaves_a_project_to_go_on_with(
    conflict: bool, start: Callable[..., Workshop]
) -> None:
    workshop = start()
    if conflict:
        workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    head = workshop.commit()
    before = workshop.state()
    workshop.regenerate("--to", NEXT, "--dry-run", status=int(conflict))  # renders, so that the next ones don't
    calls = calls_of_git(workshop, status=int(conflict))
    pick = next(number for number, call in enumerate(calls, 1) if "cherry-pick" in call)
    workshop.git("reset", "--quiet", "--hard", head)
    for killed_at in (2, pick // 2, pick - 1, pick):
        text = 'n=$(($(cat "$HERE/n") + 1)); echo $n > "$HERE/n"\n'
        text += f'[ $n = {killed_at} ] || exec "$GIT" "$@"\nkill -9 $PPID\n"$GIT" "$@"\necho > "$HERE/over"'
        folder = put_before_git(workshop, text)
        (folder / "n").write_text("0", encoding="utf-8")
        (folder / "over").unlink(missing_ok=True)
        process = workshop.start("--to", NEXT)
        process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == -9
        wait_for(folder / "over")
        survive(workshop)
        if killed_at < pick:
            assert workshop.state() == before
        elif conflict:
            workshop.regenerate("--abort")
            assert workshop.state() == before
        else:
            assert workshop.git("rev-parse", "HEAD^").strip() == head
            assert workshop.git("status", "--porcelain") == ""
            assert "Nothing to do" in workshop.regenerate("--to", NEXT)
            workshop.git("reset", "--quiet", "--hard", head)
            assert workshop.state() == before


def wait_for(file: Path) -> None:
    """Return when `file` is there."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_git_killed_while_it_writes_leaves_the_project_as_it_was(workshop: Workshop) -> None:
    write_dies(workshop, "kill -9 $PPID")
    before = workshop.state()
    assert "Nothing was changed." in workshop.regenerate("--to", NEXT, status=2)
    assert workshop.state() == before
    survive(workshop)
    workshop.regenerate("--to", NEXT)
    assert workshop.read(BREAKER).endswith("\nOURS = 1\n")


def parent_of_git(then: str) -> str:
    """Return a script that does `then` to git, whose number is $PPID, and to what started it, whose number is $tool."""
    return f"tool=$(cut -d' ' -f4 /proc/$PPID/stat)\n{then}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process in /proc")
def test_all_killed_while_git_writes_is_undone_by_one_command(workshop: Workshop) -> None:
    write_dies(workshop, parent_of_git("kill -9 $tool $PPID"))
    workshop.write("notes.txt", "ours\n")
    before = workshop.state()
    process = workshop.start("--to", NEXT)
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == -9
    survive(workshop)
    assert workshop.files() != before[0]
    said = workshop.regenerate("--to", NEXT, status=2)
    assert "A regeneration was interrupted: go back with `uv run poe regenerate --abort`" in said
    assert workshop.regenerate("--abort") == "The interrupted regeneration is undone.\n"
    assert workshop.state() == before
    workshop.regenerate("--to", NEXT)
    assert workshop.read(BREAKER).endswith("\nOURS = 1\n")


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process in /proc")
def test_an_interrupt_while_git_writes_leaves_the_project_as_it_was(workshop: Workshop) -> None:
    write_dies(workshop, parent_of_git("kill -2 $tool $PPID; sleep 5"))
    before = workshop.state()
    assert "Interrupted: nothing was changed.\n" in workshop.regenerate("--to", NEXT, status=130)
    assert workshop.state() == before


FULL = "trap '' XFSZ; ulimit -f 8"
"""In a shell: no file can grow beyond 4 KiB, and who writes more gets an error, as on a disk that is full."""


def test_a_disk_that_is_full_while_rendering_changes_nothing(workshop: Workshop, tmp_path: Path) -> None:
    before = workshop.state()
    put_before_git(workshop, f'case "$*" in *checkout*) {FULL};; esac; exec "$GIT" "$@"')
    assert "Nothing was changed." in workshop.regenerate(f"description={tmp_path}", status=2)
    survive(workshop)
    assert workshop.state() == before


def test_a_disk_that_is_full_while_git_writes_leaves_the_project_as_it_was(workshop: Workshop) -> None:
    workshop.append(BREAKER, "\nOURS = 1")
    workshop.commit()
    before = workshop.state()
    put_before_git(workshop, f'case "$*" in *cherry-pick*) {FULL};; esac; exec "$GIT" "$@"')
    said = workshop.regenerate("--to", NEXT, status=2)
    assert "unable to write file" in said
    assert "Nothing was changed." in said
    survive(workshop)
    assert workshop.state() == before


def test_a_disk_that_stays_full_is_said_and_undone_when_there_is_room(workshop: Workshop) -> None:
    workshop.append(BREAKER, "\nOURS = 1")
    workshop.commit()
    before = workshop.state()
    put_before_git(workshop, f'case "$*" in *cherry-pick*|*checkout-index*) {FULL};; esac; exec "$GIT" "$@"')
    said = workshop.regenerate("--to", NEXT, status=2)
    assert "half changed" in said
    assert "`uv run poe regenerate --abort` puts it back" in said
    assert "Nothing was changed." not in said
    survive(workshop)
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_an_index_that_another_git_has_locked_is_left_alone(workshop: Workshop) -> None:
    (workshop.repository / ".git" / "index.lock").touch()
    assert "Another git is at work here" in workshop.regenerate("--to", NEXT, status=2)
    assert (workshop.repository / ".git" / "index.lock").exists()
