"""What a user does first: install the generated project, run its own checks, start it, read from it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.conftest import Bake
from tests.template import BASE, CHOICES, RECORD, VARIANTS, tree

UV = Path(sys.executable).with_name("uv")
START_SECONDS = 60
SOON_SECONDS = 40
"""What one service tells another that starts later waits for so long, at the most."""
SERVICES = {"catalog": 8000, "lending": 8100}
"""The ports that the README shows; in the monolith there is only the first."""
STOP_SECONDS = 15

BOOKS = {
    "rest": ("/books", ("items",)),
    "graphql": ("/graphql?query=%7Bbooks%7Bnodes%7Btitle%7D%7D%7D", ("data", "books", "nodes")),
}
"""Where each kind of API has its books, and where they are in the answer."""

PROGRAMS = {
    "-".join(answer for question, answer in answers.items() if question != "dependency_bot"): answers
    for answers in VARIANTS.values()
}
"""One variant of each kind that runs differently: the dependency bot is files that only its service reads."""

THOROUGHLY = "monolith-rest"
"""It runs all of its tests; tests/regenerate has the variant with all other choices do so, and the kit is the same."""


@pytest.fixture(scope="module", params=PROGRAMS)
def project(request: pytest.FixtureRequest, bake: Bake) -> Path:
    project = bake(PROGRAMS[request.param])
    assert _uv(project, "sync") == 0
    return project


@pytest.fixture
def server(project: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the project as its README says; give the process and its address once it answers."""
    port = _free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port)}
    services = (project / "services").exists()
    if services:
        addresses = ",".join(f"{name}={_address(port, name)}" for name in SERVICES)
        settings["EVENTS_TO"] = addresses
    process = subprocess.Popen(
        [UV, "run", "poe", "dev"], cwd=project, env={**os.environ, **settings}, start_new_session=True
    )
    try:
        for name in SERVICES if services else ["catalog"]:
            _wait_until_ready(f"{_address(port, name)}/health/ready", process)
        yield process, _address(port, "catalog")
    finally:
        if process.poll() is None:
            # Asked and not killed: the services that it started are process groups of their own.
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def test_a_project_passes_its_own_checks(
    project: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))  # its pytest is not to tidy up after this one
    if request.node.callspec.params["project"] == THOROUGHLY:
        assert _uv(project, "run", "poe", "check") == 0
        return
    for verb in ("lint", "format-check", "types"):
        assert _uv(project, "run", "poe", verb) == 0
    assert (
        _uv(project, "run", "pytest", "-k", "not postgresql", "--ignore-glob=*/tests/kit", "--ignore-glob=*/loadtest")
        == 0
    )


def test_a_project_serves_books_until_it_is_interrupted(
    project: Path, server: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, address = server
    path, places = BOOKS["graphql" if (project / "schema.graphql").exists() else "rest"]
    with urlopen(address + path, timeout=10) as response:  # noqa: S310
        books = json.load(response)
    for place in places:
        books = books[place]
    assert len(books) == 20
    assert all(book["title"] for book in books)
    process.send_signal(signal.SIGINT)  # uv passes it on
    assert process.wait(STOP_SECONDS) in {0, 128 + signal.SIGINT}
    with pytest.raises(URLError, match="refused"):
        urlopen(address, timeout=10)  # noqa: S310


def test_the_readme_shows_what_the_server_says(project: Path, server: tuple[subprocess.Popen[bytes], str]) -> None:
    port = int(server[1].rpartition(":")[2])
    readme = (project / "README.md").read_text(encoding="utf-8")
    for name, shown in SERVICES.items():
        readme = readme.replace(f"http://127.0.0.1:{shown}", _address(port, name))
    session = re.findall(r"^\$ (.+)\n((?:(?!\$ |```).+\n)*)", readme, re.MULTILINE)
    exports = [command for command, _ in session if command.startswith("export ")]
    requests = [(command, answer) for command, answer in session if command.startswith("curl ")]
    assert requests
    for command, answer in requests:
        deadline = time.monotonic() + SOON_SECONDS
        while (said := _say([*exports, command], project)) != answer.strip() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert said == answer.strip(), command


def test_an_api_is_a_door_to_the_same_house(bake: Bake) -> None:
    rest, graphql = (tree(bake({"api": api})) for api in ("rest", "graphql"))
    differing = {path for path in rest.keys() | graphql.keys() if rest.get(path) != graphql.get(path)}
    doors = {f"src/app/{name}.py" for name in ("catalog/api", "lending/api", "catalog/addresses")}
    code = {path for path in differing if path.startswith(("src/", "migrations/"))}
    added = {path for path in code if path not in rest}
    assert code - added == doors
    assert all(re.match(r"src/app/(kit/graphql/|\w+/operations/)", path) for path in added)


def test_a_dependency_bot_adds_its_own_files_and_changes_no_other(bake: Bake) -> None:
    default = {question: answers[0] for question, answers in CHOICES.items()}
    common = []
    for bot in CHOICES["dependency_bot"]:
        own = tree(BASE / "_options" / "dependency_bot" / bot)
        files = tree(bake(default | {"dependency_bot": bot}))
        assert own.items() <= files.items()
        common.append({path: content for path, content in files.items() if path not in {*own, RECORD}})
    assert all(files == common[0] for files in common)


def _say(commands: list[str], folder: Path) -> str:
    return subprocess.check_output(["bash", "-c", "\n".join(commands)], cwd=folder, encoding="utf-8").strip()


def _address(first_port: int, service: str) -> str:
    return f"http://127.0.0.1:{first_port - SERVICES['catalog'] + SERVICES[service]}"


def _uv(project: Path, *arguments: str) -> int:
    return subprocess.run([UV, *arguments], cwd=project, check=False).returncode


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=10):  # noqa: S310
                return
        except OSError:  # nothing listens yet, or it is not ready
            time.sleep(0.1)
    pytest.fail(f"no answer from {url} within {START_SECONDS} s: see the server's output")
