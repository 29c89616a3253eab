"""`poe load`: load an instance, report what it costs, and fail where that is more than it may be."""

import argparse
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.kit.carbon.profile import PROFILES
from app.kit.settings import Settings, SettingsError
from loadtest import crew, gates
from loadtest.instance import PROJECT, Instance, LoadTestError, fresh_instance, parse_addresses
from loadtest.report import write
from loadtest.run import load
from loadtest.sci import Model
from loadtest.summary import summary

BREACH, CANNOT = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; return the exit status: 1 for a breach, 2 where the test can't run."""
    options = _parser().parse_args(arguments)
    try:
        with _target(options.host) as target:
            if options.worker:
                crew.join(target, options.worker)
                return 0
            return _load(target, options)
    except (LoadTestError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT


def _load(target: Instance, options: argparse.Namespace) -> int:
    baseline = gates.Baseline.load(options.baseline) if options.baseline else None
    model = Model.load(_coefficients(options))
    result = load(
        target, model, users=options.users, seconds=options.seconds, workers=options.workers, bind=options.master
    )
    found = gates.checks(result, gates.load_budgets(), baseline)
    files = write(options.reports, result, found, model)
    if options.save_baseline:
        gates.Baseline.of(result).save(options.save_baseline)
    print(summary(result))
    print(f"\nThe report: {files[0]}, and as data {files[1]}")
    breaches = [check for check in found if not check.kept]
    for check in breaches:
        print(f"breach: {check}", file=sys.stderr)
    return BREACH if breaches else 0


@contextmanager
def _target(host: str) -> Generator[Instance]:
    if host:
        yield Instance(parse_addresses(host), Settings.load().api_token)
    else:
        with fresh_instance() as instance:
            yield instance


def _coefficients(options: argparse.Namespace) -> Mapping[str, float]:
    given = {"intensity": PROFILES[options.zone].mean} if options.zone else {}
    for text in options.set:
        name, _, value = text.partition("=")
        try:
            given[name] = float(value)
        except ValueError:
            raise LoadTestError(f"--set {text}: write name=number, such as power_usage=1.1") from None
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poe load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long, default 30")
    parser.add_argument("--users", type=int, default=20, help="how many at once, default 20")
    parser.add_argument("--host", default="", help="an address to load instead, or module=address,module=address")
    parser.add_argument(
        "--workers", type=int, default=0, help="how many processes send the requests, beside one that leads"
    )
    parser.add_argument("--master", default="", metavar="ADDRESS", help="wait there for --workers of other machines")
    parser.add_argument(
        "--worker", default="", metavar="MASTER", help="send requests for the load test at this address"
    )
    parser.add_argument("--baseline", type=Path, help="fail where p95 or CPU time is more than 25 %% above this file's")
    parser.add_argument("--save-baseline", type=Path, help="write this run's figures there")
    parser.add_argument("--zone", choices=list(PROFILES), help="whose electricity it is; else coefficients.toml says")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="another coefficient")
    parser.add_argument("--reports", type=Path, default=PROJECT / "reports", help="where load.html and load.json go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
