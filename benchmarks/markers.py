"""Where a table that was measured goes: between two comments of a document, with the date and the machine."""

import argparse
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.servers import ROOT, BenchmarkError


def show(name: str, document: str, table: str, description: str | None) -> None:
    """Print `table`; with `--write` on the command line, put it between the comments `name` of `document` too."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", action="store_true", help=f"put the table into {document}")
    text = f"{table}\n\n{measured()}"
    print(text)
    if parser.parse_args().write:
        put(ROOT / document, name, text)


def put(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- end of name -->` in the file; raise BenchmarkError."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before = path.read_text(encoding="utf-8")
    after, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", before, flags=re.DOTALL)
    if count != 1:
        raise BenchmarkError(f"{path} has no place for the table: {begin} and {end}")
    path.write_text(after, encoding="utf-8")


def measured() -> str:
    """Return when and on what kind of machine: its processors, system and Python, without a name."""
    busy = f", load average {os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({platform.machine()}), {platform.system()} "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}{busy}."
    )
