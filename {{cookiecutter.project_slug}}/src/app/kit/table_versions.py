"""Which version the tables have and which they should have: asked at every start, so without Alembic, which is 10 MB.

`kit/migrations.py` brings the tables from the one to the other.
"""

import asyncio
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.kit.engines import parse_url

KIT = "kit"
"""The history of the kit's own tables, which is there whatever modules there are."""
# As Alembic writes them: `down_revision: str | None = "0001"`, or several in brackets.
REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=(.+)$", re.MULTILINE)
NAME = re.compile(r"""["']([^"']+)["']""")


def version_table(module: str) -> str:
    """Return the name of the table in which Alembic keeps the version of a module's tables."""
    return f"alembic_version_{module}"


def folder_of(module: str) -> Path:
    """Return where the migrations of a module are: beside the `src` in which it lies, wherever that is deployed."""
    # …/src/app/<module> belongs to …/migrations/<module>.
    source = Path(next(iter(import_module(f"app.{module}").__path__)))
    return source.parents[2] / "migrations" / module


async def behind(database_url: str, modules: Iterable[str]) -> list[str]:
    """Return the names of those of the kit and of `modules` whose tables are not at their newest version."""
    newest = await asyncio.to_thread(_newest, (KIT, *modules))
    engine = create_async_engine(parse_url(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return [name for name, wanted in newest.items() if await connection.run_sync(_version, name) != wanted]
    finally:
        await engine.dispose()


def _version(connection: Connection, module: str) -> set[str]:
    table = version_table(module)
    if not inspect(connection).has_table(table):
        return set()
    return set(connection.scalars(text(f"SELECT version_num FROM {table}")))  # noqa: S608 - a name of ours


def _newest(modules: Iterable[str]) -> dict[str, set[str]]:
    return {module: _heads(folder_of(module) / "versions") for module in modules}


def _heads(folder: Path) -> set[str]:
    """Return the versions that no other one of the folder replaces."""
    made: set[str] = set()
    replaced: set[str] = set()
    for script in folder.glob("*.py"):
        for what, names in REVISION.findall(script.read_text(encoding="utf-8")):
            (made if what == "revision" else replaced).update(NAME.findall(names))
    return made - replaced
