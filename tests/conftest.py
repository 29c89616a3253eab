"""Fixtures: the project as it comes out of the template."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pytest_cookies.plugin import Cookies

Bake = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def bake(cookies_session: Cookies) -> Bake:
    """Return a function that generates a new project from answers and returns its folder."""

    def bake(answers: Mapping[str, str]) -> Path:
        result = cookies_session.bake(extra_context=dict(answers))
        if result.exception:
            raise result.exception
        return result.project_path

    return bake
