"""Where the template is: what a project records of it, and how it is found again, with and without a network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.regenerate.template_copy import NEXT, NOW
from tests.regenerate.workshop import Workshop
from tests.template import CHOICES, CONTEXT, RECORD

BOT = "dependency_bot=dependabot"
ADDRESS = "https://example.org/evergreen.git"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Template", "-c", "user.email=template@example.org", "-c", "commit.gpgSign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    """Return a clone of the template that can be changed and taken away."""
    git(template, "clone", "--quiet", "--no-local", ".", str(tmp_path / "clone"))
    return tmp_path / "clone"


@pytest.fixture
def online(workshop: Workshop, clone: Path) -> Workshop:
    """Return a project of a template at an address; only its record says where it is."""
    (workshop.project / ".evergreen.local").unlink()
    workshop.write(RECORD, workshop.read(RECORD).replace('"template": null', f'"template": "{ADDRESS}"'))
    configuration = workshop.home.parent / f"{workshop.repository.parent.name}.gitconfig"
    user = (workshop.home / ".gitconfig").read_text(encoding="utf-8")
    configuration.write_text(f'{user}[url "file://{clone}"]\ninsteadOf = {ADDRESS}\n', encoding="utf-8")
    workshop.variables |= {"GIT_CONFIG_GLOBAL": str(configuration), "XDG_CACHE_HOME": f"{configuration}.cache"}
    workshop.commit()
    return workshop


def test_an_address_is_fetched_once_and_then_found_in_the_cache(online: Workshop, clone: Path) -> None:
    online.regenerate(BOT)
    shutil.rmtree(clone)
    online.regenerate("--to", NEXT)
    assert "docs/new.md" in online.files()
    assert json.loads(online.read(RECORD))["template"] == ADDRESS


def test_a_version_that_is_not_in_the_cache_is_fetched(online: Workshop, clone: Path) -> None:
    online.regenerate(BOT)
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Newest")
    git(clone, "tag", "v0.3.0")
    online.regenerate("--to", "0.3.0")
    assert json.loads(online.read(RECORD))["version"] == git(clone, "rev-parse", "HEAD").strip()


def test_a_branch_is_followed(online: Workshop, clone: Path) -> None:
    git(clone, "switch", "--quiet", "--create", "next", NEXT)
    online.regenerate("--to", "next")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Newest")
    online.regenerate("--to", "next")
    assert json.loads(online.read(RECORD))["version"] == git(clone, "rev-parse", "HEAD").strip()


def test_an_address_that_can_not_be_reached_is_said(online: Workshop, clone: Path) -> None:
    shutil.rmtree(clone)
    before = online.state()
    said = online.regenerate(BOT, status=2)
    assert f"The template {ADDRESS} can't be reached" in said
    assert online.state() == before


def test_a_version_that_can_not_be_fetched_is_said(online: Workshop, clone: Path) -> None:
    online.regenerate(BOT)
    shutil.rmtree(clone)
    said = online.regenerate("--to", "9.9.9", status=2)
    assert "using what was fetched before" in said
    assert f"The template {ADDRESS} has no version 9.9.9" in said


def test_the_folder_on_this_machine_comes_before_the_address(online: Workshop, template: Path, clone: Path) -> None:
    shutil.rmtree(clone)
    online.write(".evergreen.local", f"{template}\n")
    assert f"Template: {template}\n" in online.regenerate(BOT)
    assert json.loads(online.read(RECORD))["template"] == ADDRESS


def test_a_folder_that_is_given_comes_first_and_the_address_stays(online: Workshop, template: Path) -> None:
    assert f"Template: {template}\n" in online.regenerate(BOT, "--template", str(template))
    assert json.loads(online.read(RECORD))["template"] == ADDRESS


def test_an_address_that_is_given_is_recorded(workshop: Workshop, clone: Path) -> None:
    workshop.regenerate(BOT, "--template", f"file://{clone}")
    assert json.loads(workshop.read(RECORD))["template"] is None  # a folder of this machine, if by another name
    other = "https://example.com/moved.git"
    workshop.variables |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{clone}.insteadOf",
        "GIT_CONFIG_VALUE_0": other,
    }
    workshop.regenerate("dependency_bot=renovate", "--template", other)
    assert json.loads(workshop.read(RECORD))["template"] == other


def bake(template: Path, folder: Path) -> Path:
    """Return the project that cookiecutter makes of `template` in `folder`."""
    subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config", "-o", folder, template.name],
        cwd=template.parent,  # a path from here means nothing to a hook
        check=True,
    )
    return folder / "evergreen-library"


@pytest.mark.parametrize(
    ("origin", "recorded"),
    [
        ("https://example.org/evergreen.git", "https://example.org/evergreen.git"),
        ("https://ada:secret@example.org/evergreen.git", "https://example.org/evergreen.git"),
        ("https://token@example.org/evergreen.git", "https://example.org/evergreen.git"),
        ("git@example.org:ada/evergreen.git", "git@example.org:ada/evergreen.git"),
        ("ssh://git@example.org/evergreen.git", "ssh://git@example.org/evergreen.git"),
        ("file:///srv/evergreen.git", None),
        ("/srv/evergreen.git", None),
        ("../evergreen.git", None),
    ],
)
def test_the_record_has_the_address_that_others_can_use(
    origin: str, recorded: str | None, clone: Path, tmp_path: Path
) -> None:
    git(clone, "remote", "set-url", "origin", origin)
    project = bake(clone, tmp_path / "out")
    record = json.loads((project / RECORD).read_text(encoding="utf-8"))
    assert record["template"] == recorded
    assert record["version"] == git(clone, "rev-parse", "HEAD").strip()
    assert record["answers"] == {
        name: CHOICES[name][0] if name in CHOICES else record["answers"][name]
        for name in CONTEXT
        if not name.startswith("_")
    }
    assert (project / ".evergreen.local").read_text(encoding="utf-8") == f"{clone}\n"


def test_a_template_without_a_repository_is_recorded_by_its_version(clone: Path, tmp_path: Path) -> None:
    shutil.rmtree(clone / ".git")
    git(tmp_path, "init", "--quiet")  # somebody else's, around it
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "Not the template")
    project = bake(clone, tmp_path / "out")
    record = json.loads((project / RECORD).read_text(encoding="utf-8"))
    assert (record["template"], record["version"]) == (None, CONTEXT["_version"])
    assert not (project / ".evergreen.local").exists()


def test_a_version_of_the_template_that_is_a_tag_is_as_good_as_a_commit(workshop: Workshop) -> None:
    record = json.loads(workshop.read(RECORD))
    workshop.write(RECORD, json.dumps({**record, "version": NOW}))
    workshop.commit()
    workshop.regenerate(BOT)
    assert json.loads(workshop.read(RECORD))["version"] == record["version"]
