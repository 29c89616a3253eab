"""carbon.txt, as machines find it and as its authors complete it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from httpx import AsyncClient

from app.kit.disclosures import placeholders


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_is_where_machines_look_for_it(
    client: AsyncClient, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project)
    answer = await client.get("/.well-known/carbon.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert tomllib.loads(answer.text)["version"]
    monkeypatch.chdir(tmp_path)
    assert (await client.get("/.well-known/carbon.txt")).status_code == 404


def test_what_is_still_a_placeholder_is_named_with_what_to_do() -> None:
    text = '[org]\ndisclosures = [{ doc_type = "web-page", url = "https://a.example.org/b", domain = "evergreen.eco" }]'
    (line,) = placeholders(text)
    assert line == (
        "carbon.txt: org.disclosures[0].url is still a placeholder (https://a.example.org/b): "
        "write the address of your report, policy or page"
    )


def test_placeholders_are_no_failure_and_what_is_no_toml_is_one(tmp_path: Path, project: Path) -> None:
    def check(text: str) -> tuple[int, str]:
        (tmp_path / "carbon.txt").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "app.kit.disclosures"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    status, said = check((project / "carbon.txt").read_text(encoding="utf-8"))
    assert (status, said.count("is still a placeholder")) == (0, 3)
    status, said = check("version =")
    assert status == 1
    assert said.startswith("error: carbon.txt is not TOML: ")
