"""The template moves whole modules to folders, as another layout does: what the user did goes along."""

from pathlib import Path

from tests.regenerate.template_copy import MOVED, MOVES, NOW
from tests.regenerate.workshop import Workshop
from tests.template import RECORD

STAY = ("README.md", RECORD)


def moved(path: str) -> str:
    """Return where a path of the project is after the move."""
    for old, new in MOVES.items():
        if path.startswith(f"{old}/"):
            return new + path.removeprefix(old)
    return path


def test_an_edit_of_any_file_is_found_where_the_file_went(workshop: Workshop) -> None:
    files = [path for path in workshop.shared() if path not in STAY and not path.startswith("tools/")]
    for path in files:
        with (workshop.project / path).open("ab") as file:
            file.write(f"# {path}\n".encode())
    workshop.commit()
    before = workshop.shared()
    workshop.regenerate("--to", MOVED)
    after = workshop.shared()
    assert after.keys() == {moved(path) for path in before}
    assert [path for path in files if after[moved(path)] != before[path]] == []
    assert "## Start it, in folders" in workshop.read("README.md")


def test_a_file_that_the_user_rewrote_goes_along(workshop: Workshop) -> None:
    workshop.write("src/app/catalog/service.py", '"""All new."""\n')
    workshop.commit()
    workshop.regenerate("--to", MOVED)
    assert workshop.read("services/catalog/src/app/catalog/service.py") == '"""All new."""\n'
    assert "src/app/catalog/service.py" not in workshop.files()


def test_the_user_s_own_files_in_a_module_go_along(workshop: Workshop) -> None:
    own = ["src/app/catalog/shelves.py", "src/app/catalog/rules/age.py", "migrations/catalog/versions/0009_ours.py"]
    for path in own:
        workshop.write(path, f'"""{path}."""\n')
    workshop.commit()
    said = workshop.regenerate("--to", MOVED)
    for path in own:
        assert workshop.read(moved(path)) == f'"""{path}."""\n'
        assert path not in workshop.files()
        assert f"  {path} → {moved(path)}\n" in said
    assert "left where they were" not in said


def test_the_user_s_own_module_stays_and_is_named(workshop: Workshop) -> None:
    own = ["src/app/rooms/__init__.py", "src/app/rooms/models.py", "tests/rooms/test_rooms.py"]
    for path in own:
        workshop.write(path, f'"""{path}."""\n')
    workshop.commit()
    said = workshop.regenerate("--to", MOVED)
    assert all(path in workshop.files() for path in own)
    assert "kept: 3 files of your own\n" in said


def test_files_of_the_user_s_own_in_a_folder_that_is_no_more_are_named(workshop: Workshop) -> None:
    (workshop.project / "src/app/main.py").unlink()
    workshop.write("migrations/ours/env.py", '"""Ours."""\n')
    workshop.commit()
    said = workshop.regenerate("--to", MOVED)
    assert "left where they were: 1\n  migrations/ours/env.py\n" in said
    assert "move what you need to its new place (README.md)" in said


def test_a_file_that_the_user_renamed_goes_along_under_that_name(workshop: Workshop) -> None:
    workshop.git("mv", "src/app/catalog/service.py", "src/app/catalog/actions.py")
    workshop.append("src/app/catalog/actions.py", "OURS = 1")
    workshop.commit()
    workshop.regenerate("--to", MOVED)
    assert workshop.read("services/catalog/src/app/catalog/actions.py").endswith("OURS = 1\n")
    assert not [path for path in workshop.files() if path.endswith("catalog/service.py")]


def test_a_file_that_the_user_moved_out_of_its_module_is_left_to_git(workshop: Workshop) -> None:
    workshop.git("mv", "src/app/catalog/covers.py", "covers.py")
    workshop.commit()
    before = workshop.state()
    assert "CONFLICT (rename/rename)" in workshop.regenerate("--to", MOVED, status=1)
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_move_back_gives_the_project_as_it_was(workshop: Workshop) -> None:
    workshop.append("src/app/catalog/service.py", "OURS = 1")
    workshop.write("src/app/catalog/shelves.py", '"""Ours."""\n')
    workshop.write("src/app/rooms/models.py", '"""Ours."""\n')
    workshop.append("migrations/lending/script.py.mako", "## ours")
    workshop.commit()
    before = workshop.files()
    workshop.regenerate("--to", MOVED)
    assert workshop.files() != before
    workshop.regenerate("--to", NOW)
    assert workshop.files() == before
    assert not Path(workshop.project, "services").exists()
