"""The composition root of this service: its one module, and nothing of any other."""

from litestar import Litestar

from app import catalog
from app.kit.app import build_app
from app.kit.commands import run
from app.kit.settings import Settings

MODULES = [catalog.MODULE]


def create_app() -> Litestar:
    """Return the application; raise SettingsError where a setting is missing or wrong."""
    return build_app(Settings.load(), MODULES, title="Catalogue")


if __name__ == "__main__":
    run(MODULES, "app.catalog.main:create_app")
