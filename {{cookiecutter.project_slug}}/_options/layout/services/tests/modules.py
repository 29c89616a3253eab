"""What the tests of the modules run on: all of them in one process, as the services never are.

Each module's tests are those of the monolith. What differs where facts travel is tested in test_services.py.
"""

from litestar import Litestar

from app import catalog, lending
from app.kit.app import build_app
from app.kit.commands import run
from app.kit.settings import Settings

MODULES = [catalog.MODULE, lending.MODULE]
MAIN = "tests.modules"
"""The command line, as `python -m` takes it."""


def create_app() -> Litestar:
    """Return the application; raise SettingsError where a setting is missing or wrong."""
    return build_app(Settings.load(), MODULES, title="Lending library")


if __name__ == "__main__":
    run(MODULES, "tests.modules:create_app")
