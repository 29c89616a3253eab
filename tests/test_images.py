"""An image of each program, built by its Dockerfile and run, without a registry of images.

The base image is made from Debian's packages under the name that the Dockerfiles take it by. That, two builds and a
run take some minutes, so this is no part of the default run: `make images`.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import Bake
from tests.template import CHOICES

BASE_IMAGE = "localhost/python:3.13-slim-trixie"
DEFAULT = {question: answers[0] for question, answers in CHOICES.items()}
PROGRAMS = {
    "monolith": ("monolith", "Dockerfile", "app.main", "/books"),
    "catalog": ("services", "services/catalog/Dockerfile", "app.catalog.main", "/books"),
    "lending": ("services", "services/lending/Dockerfile", "app.lending.main", "/docs/openapi.json"),
}
START_SECONDS = 60
SETTINGS = {"API_TOKEN": "a-token-for-the-tests", "DATABASE_URL": "sqlite:////tmp/app.db", "HOST": "127.0.0.1"}

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(
        sys.platform != "linux" or not shutil.which("buildah") or not shutil.which("debootstrap"),
        reason="needs buildah and debootstrap: apt-get install buildah debootstrap",
    ),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="debootstrap needs root"),
]


def _buildah(*arguments: str | Path, **how: bool) -> str:
    environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(["buildah", *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not how.get("check", True), done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base_image() -> None:
    if BASE_IMAGE in _buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return
    with tempfile.TemporaryDirectory() as root:
        include = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(["debootstrap", "--variant=minbase", include, "trixie", root], check=True, capture_output=True)
        container = _buildah("from", "scratch")
        _buildah("add", container, root, "/")
        _buildah("commit", "--quiet", container, BASE_IMAGE)
        _buildah("rm", container)


@pytest.fixture(scope="module", params=PROGRAMS)
def container(
    request: pytest.FixtureRequest, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    request.getfixturevalue("base_image")
    layout, dockerfile, _, _ = PROGRAMS[request.param]
    project = bake(DEFAULT | {"layout": layout})
    # This machine's certificates, for a network that has some of its own.
    uv = tmp_path_factory.mktemp("uv")
    (uv / "uv.toml").write_text("system-certs = true\n", encoding="utf-8")
    certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro", "--volume", f"{uv}:/etc/uv:ro"]
    image = f"localhost/test-{request.param}"
    _buildah("build", "--network", "host", *certificates, "--file", project / dockerfile, "--tag", image, project)
    container = _buildah("from", image)
    yield request.param, container
    _buildah("rm", container)
    _buildah("rmi", image)


def _in(container: str, port: int, *command: str) -> list[str]:
    settings = [f"--env={name}={value}" for name, value in (SETTINGS | {"PORT": str(port)}).items()]
    return ["buildah", "run", *settings, container, "--", *command]


def test_an_image_migrates_and_serves_as_nobody_who_could_change_it(container: tuple[str, str]) -> None:
    name, image = container
    _, _, main, path = PROGRAMS[name]
    environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(_in(image, port, *command), env=environment, capture_output=True, text=True, check=False)

    user = run("id", "-u")
    assert user.stdout.strip() == "1000", user.stderr
    assert run("touch", "/srv/x").returncode != 0
    assert run("sh", "-c", "ls -a /srv; ls /srv/services /srv/libs 2> /dev/null || true").stdout.find(".env") < 0
    assert run("test", "-e", "/opt/uv").returncode != 0
    for other in {"catalog", "lending"} - {name} if name != "monolith" else ():
        assert f"No module named 'app.{other}'" in run("python", "-c", f"import app.{other}").stderr
    migrated = run("python", "-m", main, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    with subprocess.Popen(_in(image, port, "python", "-m", main, "serve"), env=environment) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health/ready", server)
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                assert answer.status == 200
        finally:
            server.terminate()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer from {url}")
