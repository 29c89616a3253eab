"""Energy as the machine measures it itself: RAPL, which Linux shows at `/sys/class/powercap` to who may read it."""

from pathlib import Path

ZONES = Path("/sys/class/powercap")
MICROJOULES_PER_KWH = 3.6e12


class Energy:
    """Counts what all processor packages use from now on: the whole machine and not this project alone."""

    def __init__(self, zones: Path = ZONES) -> None:
        self._zones = zones
        self._before = self._counters()

    def kwh(self) -> float | None:
        """Return the energy since the start; None where nothing can be read."""
        now = self._counters()
        if not self._before or now.keys() != self._before.keys():
            return None
        return sum(self._since(zone, count) for zone, count in now.items()) / MICROJOULES_PER_KWH

    def _since(self, zone: Path, count: int) -> int:
        used = count - self._before[zone]
        # The counter starts again at 0 beyond its range.
        return used if used >= 0 else used + int((zone / "max_energy_range_uj").read_text())

    def _counters(self) -> dict[Path, int]:
        # Only the packages, `intel-rapl:0`: their parts, `intel-rapl:0:0`, are in them.
        found = {}
        for zone in self._zones.glob("intel-rapl:*"):
            if zone.name.count(":") == 1:
                try:
                    found[zone] = int((zone / "energy_uj").read_text())
                except OSError:  # readable by root only, as it should be on shared machines
                    return {}
        return found
