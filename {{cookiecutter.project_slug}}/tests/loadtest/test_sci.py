"""The carbon model, against figures worked out by hand."""

from pathlib import Path

import pytest

from loadtest.instance import LoadTestError
from loadtest.powercap import Energy
from loadtest.sci import IDLE, MADE, REST, Model, Usage


def approximately(value: float) -> object:
    """Return what equals `value` to three figures."""
    return pytest.approx(value, rel=2e-3)


def rounded(value: float, figures: int = 3) -> float:
    """Return `value` with so many figures."""
    return float(f"{value:.{figures}g}")


def test_the_worked_example_comes_out() -> None:
    # 4 vCPU of an EPYC 7763 for 60 s at 25 % CPU, 30,000 requests, at 472 g/kWh.
    model = Model.load({"reserved_vcpus": 4, "intensity": 472})
    usage = Usage(seconds=60, cpu_seconds=4 * 60 * 0.25)
    footprint = model.footprint(usage, 30_000)
    (made,) = (row.grams for row in footprint.rows if row.name == MADE)
    assert rounded(model.watts(usage)) == 3.36
    assert rounded(footprint.kwh) == 6.63e-5
    assert rounded(footprint.grams - made) == 0.0313
    assert rounded(made) == 0.0171
    assert rounded(footprint.per_thousand * 1000, figures=2) == 1.6  # mg


# Numbers that can be multiplied in the head.
ROUND = {
    "idle_watts": 1, "full_watts": 3, "memory_watts": 0.5, "power_usage": 1.5, "network_kwh": 0.002, "intensity": 100,
    "embodied_kilograms": 1000, "lifetime_years": 1, "server_vcpus": 100, "reserved_vcpus": 2,
}  # fmt: skip


def test_every_share_is_what_a_calculation_by_hand_gives() -> None:
    hour = Usage(seconds=3600, cpu_seconds=1800, memory_bytes=4e9, sent_bytes=10e9)
    footprint = Model.load(ROUND).footprint(
        hour, 1_000, cpu_seconds={"GET /a": 900, "GET /b": 450}, sent_bytes={"GET /a": 5e9}
    )
    grams = {row.name: row.grams for row in footprint.rows}
    # 900 s of 2 W more than idle are 0.5 Wh, of which the data centre makes 0.75; 5 GB are 10 Wh: 10.75 Wh.
    assert grams["GET /a"] == approximately(1.075)
    assert grams["GET /b"] == approximately(0.0375)
    assert grams[REST] == approximately(0.0375 + 1.0)  # the other 450 s, the other 5 GB
    assert grams[IDLE] == approximately(0.6)  # 2 vCPU of 1 W and 4 GB of 0.5 W for an hour: 4 Wh, with the rest 6 Wh
    assert grams[MADE] == approximately(1_000_000 * 2 / 100 / (365 * 24))
    assert footprint.grams == approximately(sum(grams.values()))
    assert footprint.per_thousand == footprint.grams


def test_two_processes_reserve_twice_as_much() -> None:
    model = Model.load(ROUND)
    one, two = (model.footprint(Usage(seconds=60, cpu_seconds=0, processes=count), 1) for count in (1, 2))
    assert two.grams == approximately(2 * one.grams)


def test_no_request_has_no_carbon_and_no_error() -> None:
    assert Model.load().footprint(Usage(seconds=1, cpu_seconds=0), 0).per_thousand == 0


def test_an_unknown_coefficient_is_named() -> None:
    with pytest.raises(LoadTestError, match="--set pue: there is no such coefficient, only idle_watts"):
        Model.load({"pue": 1.1})


def test_a_meter_of_the_machine_is_read_where_there_is_one(tmp_path: Path) -> None:
    for zone in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "energy_uj").write_text("4000")
        (tmp_path / zone / "max_energy_range_uj").write_text("5000")
    energy = Energy(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("4600")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("1000")  # begun again at 5000
    assert energy.kwh() == approximately((600 + 2000) * 1e-6 / 3.6e6)
    assert Energy(tmp_path / "none").kwh() is None
