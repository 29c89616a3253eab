"""One run: load, what it came to, and its carbon."""

from contextlib import nullcontext

from loadtest import crew, sci
from loadtest.instance import Instance
from loadtest.meter import Meter
from loadtest.powercap import Energy
from loadtest.result import Result, add_server, result_of

MS_PER_SECOND = 1000


def load(
    target: Instance, model: sci.Model, *, users: int = 20, seconds: float = 30, workers: int = 0, bind: str = ""
) -> Result:
    """Let so many users loose on `target` for that time and return what it came to.

    Where its processes run here, that includes what they say of themselves. `workers` and `bind` are those of
    `crew.send`. Raises LoadTestError.
    """
    meter = Meter(target) if target.pids else None
    with meter or nullcontext():
        energy = Energy()
        log = crew.send(target, users=users, seconds=seconds, workers=workers, bind=bind)
        measured_kwh = energy.kwh()
    result = result_of(log, users=users, workers=workers, seconds=seconds)
    if meter is not None:
        add_server(result, meter.readings, meter.idle_cpu_ms)
        result.footprint = footprint(result, model, processes=len(target.pids))
        result.measured_kwh = measured_kwh
    return result


def footprint(result: Result, model: sci.Model, processes: int) -> sci.Footprint | None:
    """Return the modelled carbon of a run; None where the server told nothing."""
    if result.totals is None:
        return None
    spent = {operation.name: operation for operation in result.operations if operation.spent is not None}
    usage = sci.Usage(
        seconds=result.totals.seconds,
        cpu_seconds=result.totals.cpu_seconds,
        memory_bytes=result.totals.memory_bytes,
        sent_bytes=result.totals.sent_bytes,
        processes=processes,
    )
    return model.footprint(
        usage,
        result.requests,
        {name: one.spent.cpu_ms * one.requests / MS_PER_SECOND for name, one in spent.items() if one.spent},
        {name: one.spent.bytes * one.requests for name, one in spent.items() if one.spent},
    )
