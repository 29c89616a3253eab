"""Carbon of a load run: the Software Carbon Intensity, SCI = (E x I + M) / R (ISO/IEC 21031:2024), R = 1,000 requests.

Modelled and not measured: power is taken to grow in a straight line from idle to full use of a vCPU.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from loadtest.instance import LoadTestError

COEFFICIENTS = Path(__file__).with_name("coefficients.toml")
JOULES_PER_KWH = 3_600_000
SECONDS_PER_YEAR = 365 * 24 * 3600
BYTES_PER_GB = 10**9
GRAMS_PER_KILOGRAM = 1000
PER_REQUESTS = 1000
RANGE = (0.5, 2.0)
"""From what share of a modelled figure to what multiple of it the truth may lie."""
IDLE, REST, MADE = "idle (reserved vCPU and memory)", "jobs, and what belongs to no request", "made (embodied)"


class Coefficient(msgspec.Struct, frozen=True):
    """An assumption of the model."""

    value: float
    unit: str
    source: str
    year: int


class Usage(msgspec.Struct, frozen=True):
    """What was used of the machine."""

    seconds: float
    cpu_seconds: float
    memory_bytes: float = 0
    sent_bytes: float = 0
    processes: int = 1


class Row(msgspec.Struct, frozen=True):
    """A share of the carbon, and what it comes from."""

    name: str
    kwh: float
    grams: float


class Footprint(msgspec.Struct, frozen=True):
    """What a run came to; its rows add up to it."""

    rows: list[Row]
    requests: int
    intensity: float
    """gCO2e per kWh."""

    @property
    def kwh(self) -> float:
        """Energy of the run."""
        return sum(row.kwh for row in self.rows)

    @property
    def grams(self) -> float:
        """gCO2e of the run."""
        return sum(row.grams for row in self.rows)

    @property
    def per_thousand(self) -> float:
        """GCO2e per 1,000 requests; 0 where there was none."""
        return self.grams / self.requests * PER_REQUESTS if self.requests else 0.0


class Model:
    """The coefficients, and what follows from them."""

    def __init__(self, coefficients: Mapping[str, Coefficient]) -> None:
        self.coefficients = coefficients

    @classmethod
    def load(cls, overrides: Mapping[str, float] | None = None, path: Path = COEFFICIENTS) -> "Model":
        """Return the model of `path`, with other values for some; raise LoadTestError for a name it doesn't have."""
        known = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Coefficient])
        for name, value in (overrides or {}).items():
            if name not in known:
                raise LoadTestError(f"--set {name}: there is no such coefficient, only {', '.join(known)}")
            known[name] = msgspec.structs.replace(known[name], value=value, source="given for this run")
        return cls(known)

    def __getitem__(self, name: str) -> float:
        """Return a coefficient's value."""
        return self.coefficients[name].value

    def watts(self, usage: Usage) -> float:
        """Return the mean power of the reserved vCPUs, without the data centre's share, in watts."""
        return self._idle_watts(usage) + self._busy_joules(usage.cpu_seconds) / usage.seconds

    def footprint(
        self,
        usage: Usage,
        requests: int,
        cpu_seconds: Mapping[str, float] | None = None,
        sent_bytes: Mapping[str, float] | None = None,
    ) -> Footprint:
        """Return what `usage` came to: a row for each operation that CPU time and bytes are known of, one for the rest.

        The operations' shares are sums over the run, so what runs at the same time is counted once.
        """
        cpu_seconds, sent_bytes = cpu_seconds or {}, sent_bytes or {}
        rows = [
            self._row(name, self._busy_joules(seconds), sent_bytes.get(name, 0))
            for name, seconds in cpu_seconds.items()
        ]
        rest = max(usage.cpu_seconds - sum(cpu_seconds.values()), 0.0)
        unsaid = max(usage.sent_bytes - sum(sent_bytes.values()), 0.0)
        memory = self["memory_watts"] * usage.memory_bytes / BYTES_PER_GB
        return Footprint(
            [
                *rows,
                self._row(REST, self._busy_joules(rest), unsaid),
                self._row(IDLE, (self._idle_watts(usage) + memory) * usage.seconds, 0),
                Row(MADE, 0, self._embodied(usage)),
            ],
            requests,
            self["intensity"],
        )

    def _idle_watts(self, usage: Usage) -> float:
        return self["idle_watts"] * self["reserved_vcpus"] * usage.processes

    def _busy_joules(self, cpu_seconds: float) -> float:
        return (self["full_watts"] - self["idle_watts"]) * cpu_seconds

    def _row(self, name: str, joules: float, sent_bytes: float) -> Row:
        kwh = joules * self["power_usage"] / JOULES_PER_KWH + self["network_kwh"] * sent_bytes / BYTES_PER_GB
        return Row(name, kwh, kwh * self["intensity"])

    def _embodied(self, usage: Usage) -> float:
        grams = self["embodied_kilograms"] * GRAMS_PER_KILOGRAM
        share = self["reserved_vcpus"] * usage.processes / self["server_vcpus"]
        return grams * share * usage.seconds / (self["lifetime_years"] * SECONDS_PER_YEAR)
