"""Fixtures: a template with versions, and projects made from it that can be worked on."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pytest_cookies.plugin import Cookies

from tests.regenerate import template_copy
from tests.regenerate.template_copy import NOW
from tests.regenerate.workshop import Workshop, copy

Fresh = Callable[[Mapping[str, str], str], Path]


@pytest.fixture(scope="session")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of everything here, with a home that has a name for git."""
    folder = tmp_path_factory.mktemp("regenerate")
    (folder / "home").mkdir()
    (folder / "home" / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def template(benches: Path) -> Path:
    """Return the template's repository."""
    folder = benches / "template"
    folder.mkdir()
    template_copy.make(folder)
    return folder


@pytest.fixture(scope="session")
def fresh(template: Path, benches: Path, cookies_session: Cookies) -> Fresh:
    """Return a function that gives a fresh project from answers and a version, made once."""
    made: dict[object, Path] = {}

    def fresh(answers: Mapping[str, str], version: str = NOW) -> Path:
        key = (version, *sorted(answers.items()))
        if key not in made:
            clone = benches / f"clone-{version}"
            if not clone.exists():
                template_copy.at(template, version, clone)
            result = cookies_session.bake(extra_context=dict(answers), template=str(clone))
            assert result.exception is None
            made[key] = result.project_path
        return made[key]

    return fresh


@pytest.fixture(scope="session")
def committed(fresh: Fresh, benches: Path, template: Path) -> Callable[[Mapping[str, str]], Workshop]:
    """Return a function that gives a committed project, made once: to copy, not to work on."""
    made: dict[object, Workshop] = {}

    def committed(answers: Mapping[str, str]) -> Workshop:
        key = tuple(sorted(answers.items()))
        if key not in made:
            folder = benches / f"committed-{len(made)}"
            project = fresh(answers, NOW)
            workshop = copy(Workshop(project, project, benches / "home"), folder)
            workshop.write(".evergreen.local", f"{template}\n")
            workshop.git("init", "--quiet", "--initial-branch=main")
            workshop.commit()
            made[key] = workshop
        return made[key]

    return committed


@pytest.fixture
def start(committed: Callable[[Mapping[str, str]], Workshop], tmp_path: Path) -> Callable[..., Workshop]:
    """Return a function that gives a committed project of one's own, from answers."""
    return lambda **answers: copy(committed(answers), tmp_path / "project")


@pytest.fixture
def workshop(start: Callable[..., Workshop]) -> Workshop:
    """Return a committed project from the default answers."""
    return start()
