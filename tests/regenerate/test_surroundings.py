"""Where a project lies and how git is set up there makes no difference."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.regenerate.template_copy import MOVED, NEXT
from tests.regenerate.workshop import BREAKER, Workshop, assert_regenerated, edit
from tests.template import RECORD

BOT = "dependency_bot=dependabot"


def script(file: Path, text: str) -> Path:
    """Write an executable shell script; return its file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_line_ends_of_a_windows_working_tree_stay(workshop: Workshop) -> None:
    edit(workshop)
    workshop.git("config", "core.autocrlf", "true")
    workshop.git("rm", "--quiet", "--cached", "-r", ".")
    workshop.git("reset", "--quiet", "--hard")
    assert "\r\n" in workshop.read("README.md")
    workshop.regenerate("--to", NEXT)
    assert_regenerated(workshop)
    for path in ("README.md", BREAKER, "docs/new.md", RECORD):
        assert workshop.read(path).count("\n") == workshop.read(path).count("\r\n") > 0
    assert "Nothing to do" in workshop.regenerate("--to", NEXT)


def test_files_that_were_committed_with_windows_line_ends_keep_them(workshop: Workshop) -> None:
    edit(workshop)
    workshop.git("config", "core.autocrlf", "false")
    for path in ("README.md", BREAKER, "src/app/kit/visits.py", RECORD):
        workshop.write(path, workshop.read(path).replace("\n", "\r\n"))
    workshop.commit()
    workshop.regenerate("--to", NEXT)
    assert_regenerated(workshop)
    for path in ("README.md", BREAKER, "src/app/kit/visitors.py"):
        assert workshop.read(path).count("\n") == workshop.read(path).count("\r\n") > 0
    assert "\r" not in workshop.read("docs/new.md")


def test_commit_hooks_run_once_for_the_one_commit(workshop: Workshop, tmp_path: Path) -> None:
    edit(workshop)
    log = tmp_path / "log"
    for hook in ("prepare-commit-msg", "post-commit", "post-checkout", "pre-commit", "reference-transaction"):
        said = "exit 0" if hook == "reference-transaction" else f'echo {hook} >> "{log}"'
        script(workshop.repository / ".git" / "hooks" / hook, said)
    workshop.regenerate("--to", NEXT)
    assert_regenerated(workshop)
    assert log.read_text(encoding="utf-8").split() == ["prepare-commit-msg", "post-commit"]


def test_a_hook_that_refuses_the_commit_leaves_a_state_to_go_on_or_back(workshop: Workshop) -> None:
    edit(workshop)
    before = workshop.state()
    hook = script(workshop.repository / ".git" / "hooks" / "prepare-commit-msg", "echo No ticket. >&2; exit 1")
    said = workshop.regenerate("--to", NEXT, status=1)
    assert "All is merged, and git did not commit it: " in said
    assert "No ticket." in said
    workshop.regenerate("--abort")
    assert workshop.state() == before
    workshop.regenerate("--to", NEXT, status=1)
    hook.unlink()
    workshop.git("-c", "core.editor=true", "cherry-pick", "--continue")
    assert_regenerated(workshop)


def sign(workshop: Workshop, program: str) -> None:
    """Have git sign every commit with a `program` that stands in for GnuPG."""
    gpg = script(workshop.home.parent / "bin" / f"gpg-{program.split(maxsplit=1)[0]}", program)
    workshop.git("config", "gpg.program", str(gpg))
    workshop.git("config", "commit.gpgSign", "true")


def test_only_the_commit_on_the_branch_is_signed(workshop: Workshop, tmp_path: Path) -> None:
    edit(workshop)
    log = tmp_path / "signed"
    sign(workshop, f'echo signed >> "{log}"; cat > /dev/null; echo "[GNUPG:] SIG_CREATED " >&2; echo signature')
    workshop.regenerate("--to", NEXT)
    assert_regenerated(workshop)
    assert log.read_text(encoding="utf-8") == "signed\n"
    assert "gpgsig signature" in workshop.git("cat-file", "commit", "HEAD")


def test_a_signature_that_fails_leaves_a_state_to_go_back_from(workshop: Workshop) -> None:
    edit(workshop)
    before = workshop.state()
    sign(workshop, "false")
    assert "All is merged, and git did not commit it: " in workshop.regenerate("--to", NEXT, status=1)
    workshop.regenerate("--abort")
    assert workshop.state() == before


def test_the_user_s_configuration_of_git_makes_no_difference(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("src/app/catalog/shelves.py", '"""Ours."""\n')
    edit(workshop)
    for name, value in {
        "merge.renames": "false",
        "diff.renames": "false",
        "merge.renameLimit": "1",
        "diff.renameLimit": "1",
        "merge.directoryRenames": "true",
        "merge.conflictStyle": "zdiff3",
        "core.quotePath": "true",
        "core.excludesFile": str(tmp_path / "ignored"),
        "color.ui": "always",
        "diff.noprefix": "true",
        "status.showUntrackedFiles": "all",
        "pull.rebase": "true",
        "rerere.enabled": "true",
    }.items():
        workshop.git("config", name, value)
    (tmp_path / "ignored").write_text("*.md\n*.py\n", encoding="utf-8")
    workshop.regenerate("--to", MOVED)
    assert workshop.read("libs/kit/src/app/kit/breaker.py").endswith("\nOURS = 1\n")
    assert workshop.read("services/catalog/src/app/catalog/shelves.py") == '"""Ours."""\n'


def test_the_user_s_configuration_of_cookiecutter_makes_no_difference(workshop: Workshop, tmp_path: Path) -> None:
    configuration = tmp_path / "cookiecutter.yaml"
    configuration.write_text("default_context:\n  description: Not ours\n  motto: Not ours\n", encoding="utf-8")
    shutil.copy(configuration, workshop.home / ".cookiecutterrc")
    workshop.variables["COOKIECUTTER_CONFIG"] = str(configuration)
    workshop.regenerate("--to", NEXT, f"project_name={tmp_path.name}")  # was not rendered before
    (workshop.home / ".cookiecutterrc").unlink()
    assert workshop.answers()["motto"] == f"Slow is smooth: {tmp_path.name}"
    assert workshop.answers()["description"] == "A lending library on a low-carbon backend."
    assert not (workshop.home / ".cookiecutter_replay").exists()


def test_it_works_within_a_hook_of_git(workshop: Workshop) -> None:
    edit(workshop)
    workshop.variables["GIT_DIR"] = "/nowhere"
    workshop.variables["GIT_INDEX_FILE"] = "/nowhere/index"
    workshop.regenerate("--to", NEXT)
    workshop.variables.clear()
    assert_regenerated(workshop)


def test_it_runs_from_any_folder(workshop: Workshop) -> None:
    edit(workshop)
    command = [sys.executable, "-m", "tools.regenerate", BOT]
    environment = {**workshop.environment(), "PYTHONPATH": str(workshop.project)}
    subprocess.run(command, cwd=workshop.project / "src", env=environment, check=True)
    assert workshop.answers()["dependency_bot"] == "dependabot"
