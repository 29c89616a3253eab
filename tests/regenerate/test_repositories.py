"""Where a project lies, and in what history, makes no difference."""

import shutil
from pathlib import Path

import pytest

from tests.regenerate.template_copy import MOVED, NEXT
from tests.regenerate.workshop import BREAKER, Workshop, assert_regenerated, copy, edit


def test_a_squashed_history_is_enough(workshop: Workshop) -> None:
    edit(workshop)
    workshop.git("checkout", "--quiet", "--orphan", "squashed")
    workshop.commit()
    assert workshop.git("rev-list", "--count", "HEAD") == "1\n"
    workshop.regenerate("--to", NEXT)
    assert_regenerated(workshop)


def test_a_shallow_clone_and_a_detached_head_are_enough(workshop: Workshop, tmp_path: Path) -> None:
    edit(workshop)
    folder = tmp_path / "shallow"
    workshop.git("clone", "--quiet", "--depth=1", f"file://{workshop.repository}", str(folder))
    shallow = Workshop(folder, folder, workshop.home)
    shallow.write(".evergreen.local", workshop.read(".evergreen.local"))
    shallow.git("checkout", "--quiet", "--detach")
    shallow.regenerate("--to", NEXT)
    assert_regenerated(shallow)


def test_a_linked_working_tree_is_a_repository_too(workshop: Workshop, tmp_path: Path) -> None:
    edit(workshop)
    workshop.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    linked = Workshop(tmp_path / "linked", tmp_path / "linked", workshop.home)
    linked.write(".evergreen.local", workshop.read(".evergreen.local"))
    linked.regenerate("--to", NEXT)
    assert_regenerated(linked)


@pytest.fixture
def monorepo(workshop: Workshop, tmp_path: Path) -> Workshop:
    """Return a project in a folder of a repository that has another such project, and files at the top."""
    top = tmp_path / "mono repo"
    for name in ("bücher & more", "other"):
        shutil.copytree(workshop.project, top / "services" / name, ignore=shutil.ignore_patterns(".git"))
    (top / "README.md").write_text("# All\n", encoding="utf-8")
    mono = Workshop(top / "services" / "bücher & more", top, workshop.home)
    mono.git("init", "--quiet", "--initial-branch=main")
    edit(mono)
    return mono


def test_a_folder_of_a_monorepo_is_regenerated_and_nothing_else(monorepo: Workshop) -> None:
    (monorepo.project / "budgets.toml").unlink()  # the other project has the same file: it was not renamed to there
    monorepo.commit()
    outside = {path: path.read_bytes() for path in monorepo.repository.glob("services/other/**/*") if path.is_file()}
    monorepo.regenerate("--to", NEXT)
    assert_regenerated(monorepo)
    assert all(path.read_bytes() == content for path, content in outside.items())
    changed = monorepo.git("diff", "-z", "--name-only", "HEAD^", "HEAD").split("\0")[:-1]
    assert all(path.startswith("services/bücher & more/") for path in changed)


def test_modules_move_within_a_folder_of_a_monorepo(monorepo: Workshop) -> None:
    monorepo.write("src/app/catalog/shelves.py", '"""Ours."""\n')
    monorepo.commit()
    monorepo.regenerate("--to", MOVED)
    assert monorepo.read("services/catalog/src/app/catalog/shelves.py") == '"""Ours."""\n'
    assert "OURS = 1" in monorepo.read("libs/kit/src/app/kit/breaker.py")


def test_a_conflict_in_a_folder_of_a_monorepo_is_undone(monorepo: Workshop) -> None:
    monorepo.replace(BREAKER, "import time\n", "import time as watch\n")
    monorepo.commit()
    before = monorepo.state()
    monorepo.regenerate("--to", NEXT, status=1)
    monorepo.regenerate("--abort")
    assert monorepo.state() == before


def test_a_path_with_spaces_and_letters_of_other_scripts_is_a_path(workshop: Workshop, tmp_path: Path) -> None:
    odd = copy(workshop, tmp_path / "ein Ordner 📚 & 'mehr'")
    odd.write('src/app/ours/größe "x" 本.py', "OURS = 1\n")
    edit(odd)
    template = tmp_path / "die Vorlage — 📚"
    shutil.copytree(odd.read(".evergreen.local").strip(), template)
    odd.regenerate("--to", NEXT, "--template", str(template))
    assert_regenerated(odd)
    assert odd.read('src/app/ours/größe "x" 本.py') == "OURS = 1\n"
