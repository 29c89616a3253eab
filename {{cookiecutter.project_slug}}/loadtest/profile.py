"""`poe profile`: show as a flame graph where the server's time goes under load."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.crew import send
from loadtest.flame import flame_graph
from loadtest.instance import PROJECT, LoadTestError, fresh_instance

EVERY_SECONDS = 0.001


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="poe profile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="how long, default 15")
    parser.add_argument("--users", type=int, default=20, help="how many at once, default 20")
    parser.add_argument("--output", type=Path, default=PROJECT / "reports" / "profile.html")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:

        def sampler(module: str) -> Sequence[str]:
            return ("-m", "pyinstrument", "-i", f"{EVERY_SECONDS}", "-r", "json", "-o", f"{folder}/{module}.json")

        try:
            with fresh_instance(under=sampler) as instance:
                log = send(instance, users=options.users, seconds=options.seconds)
        except LoadTestError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        requests = sum(seen.requests for seen in log.operations.values())
        sessions = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
        page = flame_graph(sessions, f"{requests} requests, sampled every {EVERY_SECONDS * 1000:g} ms")
    options.output.write_text(page, encoding="utf-8")
    print(f"{requests} requests: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
