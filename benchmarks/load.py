"""Load: what a request costs the server while wrk sends as many as it can."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.servers import BenchmarkError, Server

CONNECTIONS = 8
WARM_UP_SECONDS = 1
SECONDS = 4


def require_wrk() -> None:
    """Raise BenchmarkError where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk, which sends the requests, is not installed: apt-get install wrk, brew install wrk")


def cpu_ms(server: Server, path: str, headers: Mapping[str, str]) -> float:
    """Return the CPU time, in milliseconds, that `server` uses for one request of `path` under load.

    Raises BenchmarkError where no request is completed, or where one fails.
    """
    completed(server, path, headers, WARM_UP_SECONDS)
    before = server.cpu_seconds()
    requests = completed(server, path, headers, SECONDS)
    return (server.cpu_seconds() - before) * 1000 / requests


def completed(server: Server, path: str, headers: Mapping[str, str], seconds: int, script: Path | None = None) -> int:
    """Return how many requests were answered in `seconds`; `script` is Lua that makes wrk send something else.

    Raises BenchmarkError where none is, or where one fails.
    """
    options = [f"--header={name}: {value}" for name, value in headers.items()]
    options += [f"--script={script}"] if script else []
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", *options]
    done = subprocess.run([*command, server.address + path], capture_output=True, encoding="utf-8", check=False)
    report = done.stdout + done.stderr
    failures = re.findall(r"(?:Non-2xx or 3xx responses|Socket errors): .*", report)
    count = re.search(r"(\d+) requests in", report)
    if done.returncode != 0 or failures or count is None or count[1] == "0":
        raise BenchmarkError(f"the load on {path} went wrong:\n{report}")
    return int(count[1])
