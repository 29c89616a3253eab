"""Migrations: each module's tables, and the kit's, change by an Alembic history of their own, `migrations/<name>/`.

That folder lies beside the `src` in which the module lies: where modules are deployed apart, each brings its own.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from alembic import command, context
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.kit.database import UtcDateTime
from app.kit.engines import parse_url
from app.kit.table_versions import KIT, folder_of, version_table


class MigrationFailed(Exception):
    """Alembic can't do what it was asked for; the message is its own."""


async def migrate(database_url: str, modules: Iterable[str]) -> None:
    """Bring the tables of the kit and of `modules` to their newest version."""
    await _with_each(database_url, (KIT, *modules), lambda config: command.upgrade(config, "head"))


async def check(database_url: str, modules: Iterable[str]) -> None:
    """Raise MigrationFailed where the models of the kit or `modules` differ from what their migrations make."""
    await _with_each(database_url, (KIT, *modules), command.check)


async def revise(database_url: str, module: str, message: str) -> None:
    """Write the migration that takes `module` from the database as it is to its models."""
    await _with_each(database_url, [module], lambda config: command.revision(config, message, autogenerate=True))


def run_migrations(metadata: MetaData) -> None:
    """Run what Alembic was asked for; called by the `env.py` of each module with the tables that it owns."""
    module: str = context.config.attributes["module"]

    def belongs_to_module(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or (name or "").startswith(f"{module}_")

    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=version_table(module),
        include_name=belongs_to_module,
        render_as_batch=True,  # SQLite changes a table by copying it
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    # A migration must not change its meaning with the application's code, so it names the plain type.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


async def _with_each(database_url: str, modules: Iterable[str], act: Callable[[Config], object]) -> None:
    engine = create_async_engine(parse_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for module in modules:
                await connection.run_sync(_act_on, module, act)
    except CommandError as error:
        raise MigrationFailed(str(error)) from error
    finally:
        await engine.dispose()


def _act_on(connection: Connection, module: str, act: Callable[[Config], object]) -> None:
    config = Config(attributes={"connection": connection, "module": module})
    # `%` opens an interpolation in Alembic's configuration, and a path may hold one.
    config.set_main_option("script_location", str(folder_of(module)).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_section_option("post_write_hooks", "hooks", "fix, format")
    for hook, options in {"fix": "check --fix --quiet", "format": "format --quiet"}.items():
        config.set_section_option("post_write_hooks", f"{hook}.type", "module")
        config.set_section_option("post_write_hooks", f"{hook}.module", "ruff")
        config.set_section_option("post_write_hooks", f"{hook}.options", f"{options} REVISION_SCRIPT_FILENAME")
    act(config)
