"""What the server says of itself at `/metrics`: before, after, and what lies between."""

import threading
import time
from collections import defaultdict
from types import TracebackType

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from loadtest.instance import Instance

PER_OPERATION = ("seconds", "cpu_seconds", "bytes", "queries", "sql_seconds", "calls", "hits")
IDLE_SECONDS = 2
MOST_SECONDS_TO_SETTLE = 30
QUIET_CPU_MS = 25
"""CPU-ms per second below which nothing but the waiting itself is going on."""
CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"


class Reading(msgspec.Struct):
    """The sums of all processes of an instance, at a moment."""

    at: float
    """Seconds of this machine's monotonic clock."""
    sums: dict[tuple[str, str], float]
    """By the name of the metric and the operation, which is empty where there is none."""

    def since(self, before: "Reading") -> "Reading":
        """Return what lies between, with the seconds that it took as `at`."""
        sums = {key: value - before.sums.get(key, 0) for key, value in self.sums.items()}
        return Reading(self.at - before.at, sums)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the processes, user and system."""
        return self.sums.get((CPU, ""), 0)

    @property
    def memory_bytes(self) -> float:
        """Memory that they hold, as the system counts it (resident set)."""
        return self.sums.get((MEMORY, ""), 0)

    def of(self, operation: str, what: str) -> float:
        """Return a sum of PER_OPERATION."""
        return self.sums.get((f"http_request_{what}_total", operation), 0)

    def total(self, what: str) -> float:
        """Return a sum of PER_OPERATION over all operations."""
        return sum(self.of(operation, what) for operation in self.operations)

    def requests(self, operation: str) -> float:
        """Return how many requests it has answered, whatever the status."""
        return self.sums.get(("http_requests_total", operation), 0)

    @property
    def operations(self) -> list[str]:
        """Return the operations that were asked for, without requests that no route matched."""
        asked = (operation for name, operation in self.sums if name == "http_requests_total")
        return sorted(operation for operation in asked if operation != "-" and self.requests(operation) > 0)


def read(instance: Instance) -> Reading:
    """Return the sums of now; raise LoadTestError where a process doesn't answer."""
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for address in sorted(set(instance.addresses.values())):
        for family in text_string_to_metric_families(instance.text(address, "/metrics")):
            for sample in family.samples:
                sums[sample.name, sample.labels.get("operation", "")] += sample.value
    return Reading(time.monotonic(), sums)


class Meter:
    """Reads an instance: before the load, until it is quiet, and then every second while it runs."""

    idle_cpu_ms = 0.0
    """CPU-ms per second before the load."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.readings: list[Reading] = []

    def __enter__(self) -> "Meter":
        """Wait until the instance has nothing left to do from its start; take the first reading."""
        self.readings.append(read(self._instance))
        deadline = time.monotonic() + MOST_SECONDS_TO_SETTLE
        while len(self.readings) == 1 or (self.idle_cpu_ms > QUIET_CPU_MS and time.monotonic() < deadline):
            time.sleep(IDLE_SECONDS)
            self.readings.append(read(self._instance))
            idle = self.readings[-1].since(self.readings[-2])
            self.idle_cpu_ms = idle.cpu_seconds * 1000 / idle.at
        del self.readings[:-1]
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take the last one."""
        self._ended.set()
        self._thread.join()
        self.readings.append(read(self._instance))

    def _watch(self) -> None:
        while not self._ended.wait(1):
            self.readings.append(read(self._instance))
