"""What git can't merge is git's own conflict: to be continued, or undone exactly."""

from tests.regenerate.template_copy import NEXT
from tests.regenerate.workshop import BREAKER, Workshop
from tests.template import RECORD


def test_the_user_changed_the_same_lines(workshop: Workshop) -> None:
    workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    workshop.commit()
    before = workshop.state()
    said = workshop.regenerate("--to", NEXT, status=1)
    assert f"conflicted: 1\n  {BREAKER}: CONFLICT (content): Merge conflict in {BREAKER}\n" in said
    assert "git cherry-pick --continue\n" in said
    assert "uv run poe regenerate --abort\n" in said
    assert "import time as watch\n=======\nimport time as clock\n" in workshop.read(BREAKER)
    assert workshop.git("diff", "--name-only", "--diff-filter=U").split() == [BREAKER]
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_a_resolved_conflict_is_continued_with_git(workshop: Workshop) -> None:
    workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    workshop.commit()
    workshop.regenerate("--to", NEXT, status=1)
    workshop.git("checkout", "--theirs", BREAKER)
    workshop.git("add", BREAKER)
    workshop.git("-c", "core.editor=true", "cherry-pick", "--continue")
    assert "Nothing to do" in workshop.regenerate("--to", NEXT)
    assert "import time as clock\n" in workshop.read(BREAKER)
    assert workshop.answers()["motto"] == "Slow is smooth: Evergreen Library"


def test_an_abort_undoes_what_was_done_to_merged_files_too(workshop: Workshop) -> None:
    workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    workshop.commit()
    before = workshop.state()
    workshop.regenerate("--to", NEXT, status=1)
    workshop.append("README.md", "half done")
    workshop.append(BREAKER, "half done")
    workshop.git("add", BREAKER)
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_an_abort_keeps_what_was_done_elsewhere_meanwhile(workshop: Workshop) -> None:
    workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    workshop.commit()
    workshop.regenerate("--to", NEXT, status=1)
    workshop.write("notes.txt", "meanwhile\n")
    workshop.append("budgets.toml", "# meanwhile")
    workshop.regenerate("--abort")
    assert workshop.read("notes.txt") == "meanwhile\n"
    assert workshop.read("budgets.toml").endswith("# meanwhile\n")
    assert workshop.git("status", "--porcelain").split() == ["M", "budgets.toml", "??", "notes.txt"]


def test_the_way_back_from_a_conflict_in_the_project_s_own_tools_is_git_s(workshop: Workshop) -> None:
    workshop.replace("pyproject.toml", 'version = "0.1.0"', 'version = "1.0.0"')
    workshop.commit()
    before = workshop.state()
    assert "  git cherry-pick --abort\n" in workshop.regenerate("project_slug=renamed", status=1)
    workshop.git("cherry-pick", "--abort")
    assert workshop.state() == before


def test_an_answer_changes_with_the_merge_and_not_before(workshop: Workshop) -> None:
    workshop.replace(BREAKER, "import time\n", "import time as watch\n")
    workshop.commit()
    recorded = workshop.read(RECORD)
    workshop.regenerate("dependency_bot=none", "--to", NEXT, status=1)
    assert workshop.git("show", f"HEAD:{RECORD}") == recorded
    assert workshop.git("diff", "--cached", "--name-only", "--", RECORD).split() == [RECORD]
