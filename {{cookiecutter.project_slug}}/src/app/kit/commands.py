"""The command line: what `poe dev`, `serve`, `worker`, `jobs`, `migrate`, `seed`, `render` and others run."""

import argparse
import asyncio
import os
import socket
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

import app
from app.kit import events, table_versions
from app.kit.app import connect
from app.kit.cache_store import CacheStore
from app.kit.carbon import command as carbon_command
from app.kit.database import Database, lock
from app.kit.jobs import commands as job_commands
from app.kit.module import Module
from app.kit.outage import outage
from app.kit.settings import Settings, SettingsError, make_env_file
from app.kit.static_site import Rendered, StaticSite

DRAIN_SECONDS = 10
RENDERED = "public"
"""Where static pages are rendered to by hand where PAGES_DIR names no folder."""


class CommandFailed(Exception):
    """A command can't do its work; the message is one line that says what to do."""


def run(modules: Sequence[Module], factory: str) -> None:  # noqa: C901 - one case a command
    """Run the command named on the command line; exit with status 1 and one clear line where it can't.

    `factory` is the import path of the function that makes the application, as uvicorn takes it.
    """
    names = [module.name for module in modules]
    arguments = _parser(names).parse_args()
    try:
        if make_env_file():
            print("Made .env with fresh secrets.")
        settings = Settings.load()
        match arguments.command:
            case "dev":
                _dev(settings, modules, factory)
            case "serve":
                _serve(settings, modules, factory)
            case "worker":
                _worker(settings, modules, factory)
            case "jobs":
                print(asyncio.run(_jobs(settings, modules, arguments.action, arguments.which)))
            case "migrate":
                asyncio.run(_migrate(settings, modules))
                print("The tables are at their newest version.")
            case "revision":
                asyncio.run(_revise(settings, arguments.module, arguments.message))
            case "carbon":
                print(carbon_command.figures(arguments) or _carbon(arguments.svg, settings, modules))
            case "render":
                print(asyncio.run(_render(settings, modules)))
            case "seed":
                seeded = asyncio.run(_seed(settings, modules))
                print("Added the sample data." if seeded else "There is data already: nothing was added.")
    except (SettingsError, CommandFailed, SQLAlchemyError, OSError) as error:
        sys.exit(f"error: {_message(error)}")
    except KeyboardInterrupt:
        sys.exit(0)  # Ctrl-C is how a server is meant to end


def _message(error: Exception) -> str:
    """Return the line that says what to do; raise `error` again where it is a fault of the code."""
    if reason := outage(error):
        return _unusable(reason)
    if isinstance(error, SQLAlchemyError | OSError):
        raise error
    return str(error)


def _parser(modules: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poe", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("dev", help="migrate, seed and serve, restarting when the code changes")
    commands.add_parser("serve", help="serve in production mode: one worker, HOST and PORT from the settings")
    commands.add_parser("worker", help="run the jobs, apart from the web process")
    job_commands.add_parser(commands)
    commands.add_parser("migrate", help="bring the tables to their newest version")
    commands.add_parser("seed", help="add the sample data to an empty database")
    commands.add_parser("render", help=f"render all static pages into PAGES_DIR, or into {RENDERED}")
    carbon_command.add_parser(commands)
    revision = commands.add_parser("revision", help="write the migration from the tables as they are to the models")
    revision.add_argument("module", choices=[table_versions.KIT, *modules])
    revision.add_argument("message", help="what the migration does, in a few words")
    return parser


def _dev(settings: Settings, modules: Sequence[Module], factory: str) -> None:
    os.environ["WORKER_INSIDE"] = "true"  # read by the process that serves
    listener = _listen(settings)
    asyncio.run(_migrate(settings, modules))
    if asyncio.run(_seed(settings, modules)):
        print("Added the sample data.")
    address = _address(settings)
    path = modules[0].controllers[0].path
    print(f"\n  API      {address}{path}\n  OpenAPI  {address}/docs\n  Health   {address}/health/ready\n")
    print("Ctrl-C stops it.", flush=True)
    from app.kit.reload import serve_and_reload  # noqa: PLC0415 - with watchfiles, which no server needs

    serve_and_reload(_server_config(settings, factory, reload=True), listener)


def _serve(settings: Settings, modules: Sequence[Module], factory: str) -> None:
    listener = _listen(settings)
    _refuse_old_tables(settings, modules)
    print(f"Serving on {_address(settings)}", flush=True)
    uvicorn.Server(_server_config(settings, factory, reload=False)).run([listener])


def _carbon(picture: Path | None, settings: Settings, modules: Sequence[Module]) -> str:
    report = asyncio.run(_report(settings, modules, as_svg=picture is not None))
    if picture is None:
        return report
    try:
        picture.write_text(report, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{picture} can't be written: {error.strerror}") from None
    return f"Wrote {picture}."


def _worker(settings: Settings, modules: Sequence[Module], factory: str) -> None:
    _refuse_old_tables(settings, modules)
    print("Running jobs. Ctrl-C stops it.", flush=True)
    job_commands.work(factory)


async def _jobs(settings: Settings, modules: Sequence[Module], action: str, which: str) -> str:
    database = await _reach(settings, modules, CacheStore(settings.cache_url))
    try:
        return await job_commands.act(database, action, which)
    finally:
        await database.close()


def _refuse_old_tables(settings: Settings, modules: Sequence[Module]) -> None:
    late = asyncio.run(_behind(settings, modules))
    if late:
        raise CommandFailed(f"the tables of {', '.join(late)} are not at their newest version: run `poe migrate`")


def _server_config(settings: Settings, factory: str, *, reload: bool) -> uvicorn.Config:
    return uvicorn.Config(
        factory,
        factory=True,
        reload=reload,
        reload_dirs=list(app.__path__) if reload else None,
        access_log=False,  # the application writes its own line a request
        log_config=None,
        # From anyone else X-Forwarded-For and X-Forwarded-Proto are forged.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, ValueError, TypeError) as error:  # the last two for what can't be a name at all
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise CommandFailed(
            f"can't listen on {_address(settings)} ({reason}): stop what listens there, or set HOST or PORT"
        ) from None
    listener.listen()  # from now on a request waits for the application instead of being refused
    return listener


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


async def _reach(settings: Settings, modules: Sequence[Module], store: CacheStore) -> Database:
    consumers = events.consumers(settings, [module.name for module in modules])
    database = connect(settings, modules, store, consumers)
    try:
        await database.read.ping()
    except Exception as error:  # noqa: BLE001 - each driver has its own; all mean the same here
        await database.close()
        _join_threads()
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CommandFailed(_unusable(reason)) from None
    return database


def _unusable(reason: str) -> str:
    return f"the database of DATABASE_URL can't be used: {reason}"


def _join_threads() -> None:
    # aiosqlite 0.22 leaves the thread of a connection that failed behind, which complains if the loop ends first.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(timeout=1)


async def _check(settings: Settings, modules: Sequence[Module]) -> None:
    await (await _reach(settings, modules, CacheStore(settings.cache_url))).close()


async def _migrate(settings: Settings, modules: Sequence[Module]) -> None:
    await _check(settings, modules)
    with _migrations() as migrations:
        await migrations.migrate(settings.database_url, [module.name for module in modules])


async def _revise(settings: Settings, module: str, message: str) -> None:
    with _migrations() as migrations:
        await migrations.revise(settings.database_url, module, message)


@contextmanager
def _migrations() -> Generator[ModuleType]:
    """Yield what changes tables, and Alembic with it, which no server needs; its failures are the command's."""
    from app.kit import migrations  # noqa: PLC0415

    try:
        yield migrations
    except migrations.MigrationFailed as error:
        raise CommandFailed(str(error)) from error


async def _behind(settings: Settings, modules: Sequence[Module]) -> list[str]:
    await _check(settings, modules)
    return await table_versions.behind(settings.database_url, [module.name for module in modules])


async def _report(settings: Settings, modules: Sequence[Module], *, as_svg: bool) -> str:
    database = await _reach(settings, modules, CacheStore(settings.cache_url))
    try:
        return await carbon_command.report(settings, database.read, as_svg=as_svg)
    finally:
        await database.close()


async def _render(settings: Settings, modules: Sequence[Module]) -> str:
    site = StaticSite(Path(settings.pages_dir or RENDERED))
    database = await _reach(settings, modules, CacheStore(settings.cache_url))
    try:
        done = [await module.pages(database.read, site) for module in modules if module.pages is not None]
    finally:
        await database.close()
    files, written, removed = (sum(getattr(one, name) for one in done) for name in Rendered.__struct_fields__)
    return f"{site.folder}: {files} files, {written} written, {removed} removed."


async def _seed(settings: Settings, modules: Sequence[Module]) -> bool:
    store = CacheStore(settings.cache_url)
    database = await _reach(settings, modules, store)
    await store.open()
    try:
        return any([await database.write(_seed_alone, module) for module in modules])
    finally:
        await database.close()
        await store.close()


async def _seed_alone(session: AsyncSession, module: Module) -> bool:
    await lock(session, "sample data of", module.name)  # of two at once, the later finds the work done
    return await module.seed(session)
