"""The load test, as `poe load` runs it: it finds what it is there to find, and nothing where there is nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from loadtest.crew import Log, Second, Seen
from loadtest.gates import Baseline, checks, load_budgets
from loadtest.instance import Instance, LoadTestError, fresh_instance, parse_addresses
from loadtest.result import Result, Totals, result_of
from loadtest.run import load
from loadtest.sci import Model
from tests.server import PROJECT, free_port

SEEN = Seen(requests=1000, failures=0, widest=100, wire_bytes=50_000, most=9.0, median=1.0, p95=4.0, p99=8.0)


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Return how `poe load` ended."""
    command = [sys.executable, "-m", "loadtest", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )


def broken(result: Result, baseline: Baseline | None = None) -> set[str]:
    """Return what is over its budget."""
    return {check.what for check in checks(result, load_budgets(), baseline) if not check.kept}


def result(p95: float = 4.0, cpu_ms: float = 1.0, seen: Seen = SEEN) -> Result:
    """Return what a run might have come to."""
    log = Log({"GET /books": msgspec.structs.replace(seen, p95=p95)}, [Second(1, 1000, 0)], [])
    made = result_of(log, users=5, workers=0, seconds=1)
    made.totals = Totals(1, 1, 0, 0, 0, cpu_ms, 0.5)
    return made


def test_a_run_reports_what_every_request_costs(tmp_path: Path) -> None:
    done = run("--seconds=3", "--users=10", "--workers=2", f"--reports={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    operations = written["result"]["operations"]
    assert len(operations) > 1
    assert sum(one["requests"] for one in operations) > 50
    assert all(one["spent"]["cpu_ms"] > 0 for one in operations)
    assert written["result"]["footprint"]["rows"][0]["grams"] > 0
    page = (tmp_path / "load.html").read_text(encoding="utf-8")
    assert "modelled" in page
    assert not [mark for mark in ("http:", "https:", "<script", "@import", "url(") if mark in page]


def test_a_profile_draws_what_the_server_did(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest.profile", "--seconds=2", f"--output={tmp_path / 'profile.html'}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "profile.html").read_text(encoding="utf-8")
    assert "HttpCache.__call__" in page
    assert not [mark for mark in ("http:", "https:", "<script") if mark in page]


def test_planted_faults_are_found() -> None:
    with fresh_instance({"*": "tests.loadtest.planted"}) as instance:
        found = load(instance, Model.load(), users=5, seconds=3)
    assert broken(found) >= {"queries", "bytes", "failed requests"}


def test_a_cache_that_is_off_is_found_and_said_in_a_line(tmp_path: Path) -> None:
    done = run("--seconds=3", f"--reports={tmp_path}", PRACTICES_OFF="cache")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == sum("hits" in budget for budget in load_budgets().values())
    assert all(line.startswith("breach: ") and "hits 0, at least " in line for line in lines)


def test_two_processes_that_join_share_the_load_on_an_address(tmp_path: Path) -> None:
    with fresh_instance() as instance:
        master = f"127.0.0.1:{free_port()}"
        host = ",".join(f"{module}={address}" for module, address in instance.addresses.items())
        options = [sys.executable, "-m", "loadtest", "--host", host]
        settings = {**os.environ, "API_TOKEN": instance.token}
        workers = [subprocess.Popen([*options, "--worker", master], cwd=PROJECT, env=settings) for _ in range(2)]
        done = run(*options[3:], "--master", master, "--workers=2", "--seconds=2", f"--reports={tmp_path}", **settings)
        assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))["result"]
    assert sum(one["requests"] for one in written["operations"]) > 20
    assert written["totals"] is None  # of another machine's server, only what visitors see


def test_an_address_where_nobody_answers_is_a_breach(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = run(f"--host={address}", "--seconds=1", f"--reports={tmp_path}", API_TOKEN="a-token-for-the-tests")  # noqa: S106
    assert done.returncode == 1
    assert "failed requests" in done.stderr


def test_no_request_at_all_is_a_breach() -> None:
    nothing = result_of(Log({}, [], []), users=1, workers=0, seconds=1)
    (check,) = checks(nothing, load_budgets(), None)
    assert str(check) == "all operations: requests 0, at least 1, off by 1"


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (result(p95=4.9, cpu_ms=1.2), set()),
        (result(p95=5.1), {"p95 in ms"}),
        (result(cpu_ms=1.3), {"CPU-ms a request"}),
        (result(seen=msgspec.structs.replace(SEEN, requests=99), p95=9.0), set()),  # too few to say
    ],
)
def test_a_run_may_take_a_quarter_more_than_its_baseline(now: Result, found: set[str], tmp_path: Path) -> None:
    Baseline.of(result()).save(tmp_path / "baseline.json")
    assert broken(now, Baseline.load(tmp_path / "baseline.json")) == found


def test_the_baseline_of_another_machine_is_refused() -> None:
    elsewhere = msgspec.structs.replace(Baseline.of(result()), machine="another one")
    with pytest.raises(LoadTestError, match="they can't be compared"):
        broken(result(), elsewhere)


def test_every_module_can_have_an_address_of_its_own() -> None:
    given = "catalog=http://127.0.0.1:1/,lending=http://127.0.0.1:2"
    expected = {"catalog": "http://127.0.0.1:1", "lending": "http://127.0.0.1:2"}
    assert Instance(parse_addresses(given), "").addresses == expected
    with pytest.raises(LoadTestError, match="write http://address"):
        parse_addresses("localhost:8000")
