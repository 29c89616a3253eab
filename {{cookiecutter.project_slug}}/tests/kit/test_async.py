"""Nothing blocks the event loop, an answer waits for nothing that can wait, and a shutdown loses no task."""

import asyncio
import gc
import subprocess
import sys
import time
import weakref
from pathlib import Path

import httpx
import pytest
from litestar import Controller, get

from app.kit import logs
from app.kit import tasks as kit_tasks
from app.kit.app import build_app
from app.kit.module import Module
from app.kit.tasks import Tasks
from tests.conftest import TOKEN, client_of, make_settings, nothing
from tests.server import IMPORTED_FROM, serving

# Prints every file opened for writing and every connection and process, while all modules are imported and the
# application is built.
WATCHED_START = """
import importlib, os, pkgutil, sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def watch(event, details):
    outside = event in {"sqlite3.connect", "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen"}
    if outside or event == "open" and details[2] & WRITING:
        print(event, *details[:1])

sys.addaudithook(watch)
import app
for module in pkgutil.walk_packages(app.__path__, "app."):
    importlib.import_module(module.name)
from tests.modules import create_app
create_app()
"""


class Blocking(Controller):
    """A handler with a fault."""

    path = "/blocking"

    @get()
    async def block(self) -> None:
        """Block the event loop for a moment."""
        time.sleep(0.001)  # noqa: ASYNC251 - the fault


async def test_a_blocking_call_fails_its_request(sqlite_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = Module(name="blocking", controllers=[Blocking], seed=nothing)
    app = build_app(make_settings(DATABASE_URL=sqlite_database_url), [module], title="Tests")
    async with client_of(app) as client:
        assert (await client.get("/blocking")).status_code == 500
    assert "Blocking call to time.sleep" in capsys.readouterr().err


def test_importing_and_building_the_application_opens_nothing(tmp_path: Path) -> None:
    settings = {"API_TOKEN": TOKEN, "DATABASE_URL": "postgresql://127.0.0.1:1/library"}
    result = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED_START],
        cwd=tmp_path,
        env=settings | {"PYTHONPATH": IMPORTED_FROM},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_task_left_behind_outlives_its_answer_and_the_server_s_shutdown(sqlite_database_url: str) -> None:
    with serving("serve", main="tests.kit.leaves_a_task", API_TOKEN=TOKEN, DATABASE_URL=sqlite_database_url) as server:
        assert httpx.post(f"{server.address}/leave").status_code == 202
        assert "the work is done" not in server.output()
        server.process.terminate()
        server.process.wait()
        assert "the work is done" in server.output()


async def test_a_task_is_kept_until_it_is_done() -> None:
    tasks, done, awaited = Tasks(), asyncio.Event(), []

    async def work() -> None:
        future = asyncio.get_running_loop().create_future()
        awaited.append(weakref.ref(future))  # only the task holds it, and it the task: garbage unless one is kept
        await future
        done.set()

    tasks.start(work())
    await asyncio.sleep(0)
    gc.collect()
    future = awaited[0]()
    assert future is not None
    future.set_result(None)
    await tasks.drain()
    assert done.is_set()


async def test_a_task_that_takes_too_long_is_cancelled_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("error")
    monkeypatch.setattr(kit_tasks, "DRAIN_SECONDS", 0.01)
    tasks, cancelled = Tasks(), asyncio.Event()

    async def wait_forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    tasks.start(wait_forever())
    await tasks.drain()
    assert cancelled.is_set()
    assert "tasks cancelled at shutdown" in capsys.readouterr().err


async def test_a_task_that_fails_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    logs.configure("error")
    tasks = Tasks()
    tasks.start(fail())
    await tasks.drain()
    assert "no such thing" in capsys.readouterr().err
