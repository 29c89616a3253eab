"""Metrics: what this process has done and spent since it started, for Prometheus and for the load test."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.kit.logs import Done
from app.kit.outgoing import System
from app.kit.security import NEEDS_TOKEN

PATH = "/metrics"
BREAKER_STATES = ("closed", "half-open", "open")


class Spent(msgspec.Struct):
    """What all requests of an operation came to."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes: int = 0
    queries: int = 0
    sql_seconds: float = 0.0
    calls: int = 0
    hits: int = 0


REQUESTS = {
    "seconds": "How long the requests of an operation took, in seconds.",
    "cpu_seconds": "CPU time of their own tasks, in seconds; that of the process is more.",
    "bytes": "Bytes of the bodies of their answers.",
    "queries": "SQL statements that they ran.",
    "sql_seconds": "How long those took, in seconds.",
    "calls": "Calls to other systems that they made.",
    "hits": "How many were answered from the cache.",
}
SYSTEMS = {
    "calls": "Calls to another system that were asked for.",
    "failures": "Calls that failed or were cancelled.",
    "spared": "Attempts that were not made because the breaker was open.",
}


class Metrics(Collector):
    """Adds up requests and jobs, and shows these sums beside what each other system was asked for."""

    def __init__(self, systems: Sequence[System]) -> None:
        self._systems = systems
        self._requests: Counter[tuple[str, str]] = Counter()
        self._spent: dict[str, Spent] = {}
        self._jobs: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def note_request(self, done: Done) -> None:
        """Add a request that has been answered."""
        self._requests[done.operation, f"{done.status // 100}xx"] += 1
        spent = self._spent.get(done.operation)
        if spent is None:
            spent = self._spent[done.operation] = Spent()
        spent.seconds += done.seconds
        spent.cpu_seconds += done.cpu_seconds
        spent.bytes += done.bytes
        if done.cost is not None:
            spent.queries += done.cost.queries
            spent.sql_seconds += done.cost.sql_seconds
            spent.calls += done.cost.calls
            spent.hits += done.cost.hits

    def note_job(self, name: str, outcome: str) -> None:
        """Add a run of a job that ended as `outcome` says: done, failed or died."""
        self._jobs[name, outcome] += 1

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield the sums; called by prometheus_client."""
        requests = CounterMetricFamily("http_requests", "Requests by operation.", labels=["operation", "status"])
        for labels, count in list(self._requests.items()):
            requests.add_metric(labels, count)
        yield requests
        for field, about in REQUESTS.items():
            family = CounterMetricFamily(f"http_request_{field}", about, labels=["operation"])
            for operation, spent in list(self._spent.items()):
                family.add_metric([operation], getattr(spent, field))
            yield family
        jobs = CounterMetricFamily("job_runs", "Runs of jobs by how they ended.", labels=["job", "outcome"])
        for labels, count in list(self._jobs.items()):
            jobs.add_metric(labels, count)
        yield jobs
        yield from self._of_systems()

    def _of_systems(self) -> Iterator[Metric]:
        for field, about in SYSTEMS.items():
            family = CounterMetricFamily(f"system_{field}", about, labels=["system"])
            for system in self._systems:
                family.add_metric([system.name], getattr(system.counts, field))
            yield family
        retries = CounterMetricFamily("system_retries", "Attempts beyond the first ones.", labels=["system"])
        breakers = GaugeMetricFamily("system_breaker", "1 for the state that it is in.", labels=["system", "state"])
        for system in self._systems:
            retries.add_metric([system.name], system.retries)
            for state in BREAKER_STATES:
                breakers.add_metric([system.name, state], system.state == state)
        yield retries
        yield breakers


@get(PATH, include_in_schema=False, media_type=CONTENT_TYPE_LATEST, **NEEDS_TOKEN)
async def show(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """Return the metrics of this process."""
    # In a thread, because the figures of the process are read from files.
    text = await asyncio.to_thread(metrics.text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
