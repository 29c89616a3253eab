"""Sends the requests: Locust, in a process of its own because it patches the standard library.

`python -m loadtest.drive` is what `poe load` starts; it prints what visitors saw as JSON.
"""

import argparse
import json
import os
import sys
from collections import Counter
from typing import Any, cast

import gevent
import locust.stats
from locust.env import Environment
from locust.runners import MasterRunner, Runner

from loadtest.scenario import VISITORS

FINE = 100
SECONDS_TO_JOIN = 30
SECONDS_TO_END = 5
PERCENTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}

widest: Counter[str] = Counter()
"""The most bytes that a body of each operation had, unpacked."""


def drive(environment: Environment, users: int, seconds: float, workers: int) -> dict[str, Any]:
    """Return what so many visitors saw in that time: by operation, second by second, and what failed."""
    runner = cast("Runner", environment.runner)
    if isinstance(runner, MasterRunner):
        with gevent.Timeout(SECONDS_TO_JOIN, SystemExit(f"error: {workers} workers were to join and did not")):
            while len(runner.clients.ready) < workers:
                gevent.sleep(0.1)
    runner.start(users, spawn_rate=users)
    history = _watch(environment, seconds)
    runner.stop()
    if isinstance(runner, MasterRunner):
        with gevent.Timeout(SECONDS_TO_END, False):
            while runner.clients.running:
                gevent.sleep(0.1)
    outcome = {"operations": _operations(environment), "history": history, "failures": _failures(environment)}
    runner.quit()
    return outcome


def _watch(environment: Environment, seconds: float) -> list[dict[str, float]]:
    """Return what each second was like; without a percentile where nothing was answered in it."""
    history, before, failures, elapsed = [], Counter[float](), 0, 0.0
    while elapsed < seconds:
        step = min(1.0, seconds - elapsed)
        gevent.sleep(step)
        elapsed += step
        total = environment.stats.total  # a new one since the start
        now = Counter[float](total.response_times)
        times = sorted((now - before).elements())
        second: dict[str, float] = {
            "at": elapsed,
            "requests": len(times) / step,
            "failures": total.num_failures - failures,
        }
        if times:
            second |= {"median": times[len(times) // 2], "p95": times[int(len(times) * 0.95)]}
        history.append(second)
        before, failures = now, total.num_failures
    return history


def _operations(environment: Environment) -> dict[str, dict[str, float]]:
    return {
        name: {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "widest": widest[name],
            "wire_bytes": entry.total_content_length,
            "most": entry.max_response_time or 0,
            **{label: entry.get_response_time_percentile(share) for label, share in PERCENTILES.items()},
        }
        for (name, _method), entry in environment.stats.entries.items()
    }


def _failures(environment: Environment) -> list[dict[str, Any]]:
    return [
        {"operation": error.name, "what": str(error.error), "times": error.occurrences}
        for error in environment.stats.errors.values()
    ]


def _note_width(name: str, response: Any, **_: object) -> None:
    widest[name] = max(widest[name], len(response.content or b"") if response is not None else 0)


def _tell_widths(data: dict[str, Any], **_: object) -> None:
    data["widest"] = dict(widest)


def _hear_widths(data: dict[str, Any], **_: object) -> None:
    for name, size in data.get("widest", {}).items():
        widest[name] = max(widest[name], size)


def _bucket(milliseconds: float) -> float:
    """Return the class that a time is counted in: a tenth of a millisecond below 100 ms, else a hundredth of it."""
    return round(milliseconds, 1) if milliseconds < FINE else float(f"{milliseconds:.3g}")


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--bind", nargs=2, metavar=("HOST", "PORT"))
    parser.add_argument("--join", nargs=2, metavar=("HOST", "PORT"))
    arguments = parser.parse_args()
    vars(locust.stats)["bucket_response_time"] = _bucket  # the documented way to have finer classes
    environment = Environment(user_classes=[*VISITORS])
    environment.events.request.add_listener(_note_width)
    if arguments.join:
        host, port = arguments.join
        environment.events.report_to_master.add_listener(_tell_widths)
        environment.create_worker_runner(host, int(port)).greenlet.join()
        return
    if arguments.workers:
        host, port = arguments.bind
        environment.events.worker_report.add_listener(_hear_widths)
        environment.create_master_runner(host, int(port))
    else:
        environment.create_local_runner()
    json.dump(drive(environment, arguments.users, arguments.seconds, arguments.workers), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # greenlets of a master still wait for workers that have left


if __name__ == "__main__":
    main()
