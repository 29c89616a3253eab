"""What the tests run on: the application as it is deployed."""

from app.main import MODULES, create_app

__all__ = ["MAIN", "MODULES", "create_app"]

MAIN = "app.main"
"""The command line, as `python -m` takes it."""
