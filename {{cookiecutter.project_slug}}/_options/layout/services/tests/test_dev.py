"""One command for all services: what `poe dev` starts, shows and ends."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.polling import until
from tests.server import PROJECT, STOP_SECONDS, Server, free_port, running

NAMES = ("catalog", "lending")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which `poe dev` starts the services as in a fresh clone."""
    for file in ("pyproject.toml", "Procfile", ".env.example"):
        shutil.copy(PROJECT / file, tmp_path)
    return tmp_path


@contextmanager
def development(folder: Path) -> Generator[tuple[Server, list[str]]]:
    """Run `poe dev` and yield it with the addresses of the services, once they serve."""
    port = free_port()
    addresses = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 100}"]
    settings = {
        "EVENTS_TO": ",".join(f"{name}={address}" for name, address in zip(NAMES, addresses, strict=True)),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(port),
    }
    with running("dev", folder, "poethepoet", **settings) as dev:
        yield dev, addresses


def listens(address: str) -> bool:
    """Return whether somebody answers there."""
    try:
        return httpx.get(f"{address}/health/ready").is_success
    except httpx.TransportError:
        return False


async def until_ready(addresses: list[str]) -> None:
    """Return once all answer."""

    async def ready() -> bool:
        return all(listens(address) for address in addresses)

    await until(ready)


async def test_one_command_starts_all_and_one_interrupt_ends_all(folder: Path) -> None:
    with development(folder) as (dev, addresses):
        await until_ready(addresses)
        assert dev.interrupt() == 130
        output = dev.output()
    for name, address in zip(NAMES, addresses, strict=True):
        assert f"{name}.1 |   Health   {address}/health/ready" in output
        assert not listens(address)
    assert {line.split()[1] for line in output.splitlines()} <= {"=>", "catalog.1", "lending.1", "system"}


async def test_where_one_service_dies_the_others_stop_and_the_last_lines_say_why(folder: Path) -> None:
    with development(folder) as (dev, addresses):
        await until_ready(addresses)
        (started,) = re.findall(r"lending\.1 started \(pid=(\d+)\)", dev.output())
        os.killpg(int(started), signal.SIGKILL)
        assert dev.process.wait(timeout=STOP_SECONDS) != 0
        output = dev.output()
    assert "lending.1 stopped (rc=-9)" in output
    assert "sending SIGTERM to catalog.1" in output
    assert not listens(addresses[0])
