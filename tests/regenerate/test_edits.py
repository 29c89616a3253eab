"""What the user did to generated files: git merges it, or says that it can't, and nothing is lost."""

import pytest

from tests.regenerate.template_copy import LOGO, NEXT
from tests.regenerate.workshop import BREAKER, Workshop
from tests.template import RECORD

VISITS, VISITORS = "src/app/kit/visits.py", "src/app/kit/visitors.py"
PRACTICES = "docs/practices.md"


def test_the_user_changed_other_lines_of_a_file_that_changes(workshop: Workshop) -> None:
    workshop.append(BREAKER, "\nOURS = 1")
    workshop.commit()
    said = workshop.regenerate("--to", NEXT)
    assert "import time as clock\n" in workshop.read(BREAKER)
    assert workshop.read(BREAKER).endswith("\nOURS = 1\n")
    assert f"kept: 1\n  {BREAKER} (your changes)\n" in said


def test_the_user_deleted_a_file_that_stays_as_it_is(workshop: Workshop) -> None:
    (workshop.project / "budgets.toml").unlink()
    workshop.commit()
    assert "  budgets.toml (you removed it)\n" in workshop.regenerate("--to", NEXT)
    assert "budgets.toml" not in workshop.files()


def test_the_user_deleted_a_file_that_changes(workshop: Workshop) -> None:
    (workshop.project / BREAKER).unlink()
    workshop.commit()
    before = workshop.state()
    said = workshop.regenerate("--to", NEXT, status=1)
    assert f"  {BREAKER}: CONFLICT (modify/delete): {BREAKER} deleted in" in said
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_user_deleted_a_file_that_goes(workshop: Workshop) -> None:
    (workshop.project / PRACTICES).unlink()
    workshop.commit()
    workshop.regenerate("--to", NEXT)
    assert PRACTICES not in workshop.files()


def test_the_user_changed_a_file_that_goes(workshop: Workshop) -> None:
    workshop.append(PRACTICES, "Ours.")
    workshop.commit()
    said = workshop.regenerate("--to", NEXT, status=1)
    assert f"  {PRACTICES}: CONFLICT (modify/delete): {PRACTICES} deleted in" in said
    assert workshop.read(PRACTICES).endswith("Ours.\n")


@pytest.mark.parametrize("place", ["src/app/kit/fuse.py", "src/app/ours/breaker.py"], ids=["renamed", "moved"])
def test_the_user_renamed_or_moved_a_file_that_changes(place: str, workshop: Workshop) -> None:
    (workshop.project / place).parent.mkdir(exist_ok=True)
    workshop.git("mv", BREAKER, place)
    workshop.append(place, "\nOURS = 1")
    workshop.commit()
    said = workshop.regenerate("--to", NEXT)
    assert "import time as clock\n" in workshop.read(place)
    assert workshop.read(place).endswith("\nOURS = 1\n")
    assert BREAKER not in workshop.files()
    assert f"  {BREAKER} (you renamed it to {place})\n" in said


def test_the_user_changed_a_file_that_is_renamed(workshop: Workshop) -> None:
    workshop.append(VISITS, "\nOURS = 1")
    workshop.commit()
    said = workshop.regenerate("--to", NEXT)
    assert workshop.read(VISITORS).endswith("\nOURS = 1\n")
    assert VISITS not in workshop.files()
    assert f"renamed: 1\n  {VISITS} → {VISITORS}\n" in said


def test_the_user_renamed_a_file_that_is_renamed(workshop: Workshop) -> None:
    workshop.git("mv", VISITS, "src/app/kit/callers.py")
    workshop.commit()
    before = workshop.state()
    assert "CONFLICT (rename/rename)" in workshop.regenerate("--to", NEXT, status=1)
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_user_changed_a_binary_file_that_stays_as_it_is(workshop: Workshop) -> None:
    (workshop.project / LOGO).write_bytes(b"\0ours")
    workshop.commit()
    workshop.regenerate("dependency_bot=dependabot")
    assert workshop.files()[LOGO] == b"\0ours"


def test_the_user_changed_a_binary_file_that_changes(workshop: Workshop) -> None:
    (workshop.project / LOGO).write_bytes(b"\0ours")
    workshop.commit()
    assert f"  {LOGO}: " in workshop.regenerate("--to", NEXT, status=1)
    assert workshop.files()[LOGO] == b"\0ours"
    workshop.regenerate("--abort")
    assert workshop.files()[LOGO] == b"\0ours"


def test_a_binary_file_that_the_user_left_alone_changes(workshop: Workshop) -> None:
    workshop.regenerate("--to", NEXT)
    assert workshop.files()[LOGO] == bytes(reversed(range(256)))


def test_the_user_added_another_file_where_one_is_needed(workshop: Workshop) -> None:
    workshop.write("docs/new.md", "# Ours\n")
    workshop.commit()
    before = workshop.state()
    said = workshop.regenerate("--to", NEXT, status=1)
    assert "  docs/new.md: CONFLICT (add/add): Merge conflict in docs/new.md\n" in said
    assert "# Ours\n" in workshop.read("docs/new.md")
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_user_added_the_same_file_where_one_is_needed(workshop: Workshop) -> None:
    workshop.write("docs/new.md", "# New\n")
    workshop.commit()
    workshop.regenerate("--to", NEXT)
    assert workshop.read("docs/new.md") == "# New\n"


def test_the_user_has_a_folder_where_a_file_is_needed(workshop: Workshop) -> None:
    workshop.write("docs/new.md/ours.txt", "ours\n")
    workshop.commit()
    before = workshop.state()
    assert "CONFLICT (file/directory)" in workshop.regenerate("--to", NEXT, status=1)
    assert workshop.read("docs/new.md/ours.txt") == "ours\n"
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_user_rewrote_the_record(workshop: Workshop) -> None:
    workshop.write(RECORD, workshop.read(RECORD).replace("  ", "\t"))
    workshop.commit()
    workshop.regenerate("dependency_bot=dependabot")
    assert workshop.answers()["dependency_bot"] == "dependabot"
    assert "\t" not in workshop.read(RECORD)
