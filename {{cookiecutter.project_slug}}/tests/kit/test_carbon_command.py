"""`poe carbon`, as a process of its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from app.kit.carbon.deferral import new_deferral
from app.kit.database import Database
from tests.conftest import TOKEN, make_settings
from tests.server import run

HOUR = timedelta(hours=1)


async def decide(address: str, *jobs: str) -> None:
    """Let each of these jobs be put off, to within the next day."""
    database = Database(address)
    deferral = new_deferral(make_settings(GRID_ZONE="GB"), database.write)
    now = datetime.now(UTC)
    for job in jobs:
        await deferral.start_for(job, HOUR, now + 24 * HOUR, now)
    await deferral.close()
    await database.close()


def carbon(*arguments: str, address: str, zone: str = "") -> tuple[int, str, str]:
    """Return the exit status, the output and the errors of the command."""
    return run("carbon", *arguments, API_TOKEN=TOKEN, DATABASE_URL=address, GRID_ZONE=zone)


async def test_it_prints_each_decision_what_it_saved_and_where_it_lies_in_the_forecast(database_url: str) -> None:
    await decide(database_url, "report", "reminders")
    status, output, errors = carbon(address=database_url, zone="GB")
    assert status == 0, errors
    table, _, plot = output.partition("\n\nGB: profile of 2020 (profile, average signal)")
    assert table.index("reminders") < table.index("report"), "the last one first"
    assert "2 decisions on average figures" in table
    assert "181.0" in table, "the planned intensity is that of the night"
    chosen = [line for line in plot.splitlines() if "#" in line and "report, reminders" in line]
    assert chosen
    assert all("181.0" in line for line in chosen)


async def test_the_picture_stands_alone_and_names_the_jobs_as_text(database_url: str, tmp_path: Path) -> None:
    await decide(database_url, "report <&>")
    picture = tmp_path / "carbon.svg"
    assert carbon("--svg", str(picture), address=database_url, zone="GB") == (0, f"Wrote {picture}.\n", "")
    text = picture.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert any("report <&>" in (element.text or "") for element in root.iter())
    assert "href" not in text


async def test_a_picture_that_can_t_be_drawn_or_written_is_one_clear_line(database_url: str, tmp_path: Path) -> None:
    for zone, path, reason in (
        ("GB", tmp_path / "no" / "such.svg", "can't be written"),
        ("", tmp_path / "a.svg", "draw"),
    ):
        status, _, errors = carbon("--svg", str(path), address=database_url, zone=zone)
        assert status == 1
        assert errors.startswith("error: ")
        assert reason in errors
        assert errors.count("\n") == 1


async def test_an_unknown_grid_is_said_to_be_one(database_url: str) -> None:
    status, output, _ = carbon(address=database_url)
    assert status == 0
    assert "No deferrable job has been started yet." in output
    assert "GRID_ZONE" in output


def test_regions_and_the_simulated_year_take_no_database(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/none.db"
    _, regions, _ = carbon("--regions", address=nowhere)
    assert "Stockholm" in regions
    assert "2025" in regions
    _, year, _ = carbon("--simulate", address=nowhere)
    assert "Assumed" in year
    assert not (tmp_path / "none.db").exists()
