"""The composition root: the one place that knows which modules this process serves."""

from litestar import Litestar

from app import catalog, lending
from app.kit.app import build_app
from app.kit.commands import run
from app.kit.settings import Settings

MODULES = [catalog.MODULE, lending.MODULE]


def create_app() -> Litestar:
    """Return the application; raise SettingsError where a setting is missing or wrong."""
    return build_app(Settings.load(), MODULES, title="Lending library")


if __name__ == "__main__":
    run(MODULES, "app.main:create_app")
