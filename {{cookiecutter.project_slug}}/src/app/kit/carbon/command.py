"""What `poe carbon` runs: decisions, forecast, regions, or a simulated year."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.kit.carbon import report as carbon_report
from app.kit.carbon.deferral import latest_decisions, mean_intensities
from app.kit.carbon.grid import new_grid
from app.kit.carbon.regions import regions_table
from app.kit.carbon.simulation import simulation_table
from app.kit.database import Read
from app.kit.settings import Settings, SettingsError

DECISIONS = 20
AHEAD = timedelta(hours=48)
UNKNOWN = "nothing is known of the grid; set GRID_ZONE to GB, DE or FR, or GRID_PROVIDER"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `carbon` to the command line."""
    parser = commands.add_parser("carbon", help="show when deferrable jobs start, and what that saves")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--svg", type=Path, metavar="FILE", help="write the forecast and the slots as a picture")
    which.add_argument("--regions", action="store_true", help="show where the electricity is clean")
    which.add_argument("--simulate", action="store_true", help="compare ways to choose the hour, over a made-up year")


def figures(arguments: argparse.Namespace) -> str | None:
    """Return what is to be printed where that takes no database and no grid, else None."""
    if arguments.regions:
        return regions_table()
    return simulation_table() if arguments.simulate else None


async def report(settings: Settings, read: Read, *, as_svg: bool) -> str:
    """Return the decisions and the forecast with the chosen slots: as text, or `as_svg` the latter alone."""
    decisions = await latest_decisions(read, DECISIONS)
    means = await mean_intensities(read)
    now = datetime.now(UTC)
    grid = new_grid(settings)
    try:
        forecasts = await grid.forecasts(now, now + AHEAD)
    finally:
        await grid.close()
    slots = carbon_report.slots_of(decisions)
    if forecasts and as_svg:
        return carbon_report.svg(*forecasts[0], slots)
    if as_svg:
        raise SettingsError(f"there is nothing to draw: {UNKNOWN}")
    plot = carbon_report.plot(*forecasts[0], slots) if forecasts else UNKNOWN
    return f"{carbon_report.decisions_table(decisions, means)}\n\n{plot}"
