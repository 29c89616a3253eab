"""What the terminal shows of a run."""

from loadtest.result import Operation, Result
from loadtest.sci import RANGE


def summary(result: Result) -> str:
    """Return a table of the operations, and below it what all of them came to."""
    width = max([len(operation.name) for operation in result.operations], default=9)
    head = f"{'operation':<{width}} {'requests':>8} {'failed':>6} {'median':>7} {'p95':>7} {'p99':>7}"
    lines = [f"{head} {'queries':>7} {'bytes':>6} {'calls':>5} {'hits':>5} {'CPU-ms':>6}"]
    lines += [_row(operation, width) for operation in result.operations]
    lines.append(f"\n{result.requests} requests of {result.users} users in {result.seconds:g} s; times in ms")
    if (totals := result.totals) is not None:
        lines.append(
            f"CPU {totals.cpu_ms:.2f} ms a request, {totals.idle_cpu_ms:.1f} ms a second before the load; "
            f"memory {totals.memory_bytes / 10**6:.0f} MB; {totals.hits:.0%} from the cache"
        )
    if (footprint := result.footprint) is not None:
        low, high = (footprint.per_thousand * 1000 * share for share in RANGE)
        lines.append(
            f"carbon {footprint.per_thousand * 1000:.2f} mgCO2e per 1,000 requests "
            f"({low:.2f} to {high:.2f}, modelled at {footprint.intensity:g} g/kWh)"
        )
    return "\n".join(lines)


def _row(operation: Operation, width: int) -> str:
    times = f"{operation.median:>7.1f} {operation.p95:>7.1f} {operation.p99:>7.1f}"
    row = f"{operation.name:<{width}} {operation.requests:>8} {operation.failures:>6} {times}"
    if (spent := operation.spent) is None:
        return f"{row} {'':>7} {operation.widest:>6}"
    counts = f"{spent.queries:>7.2f} {operation.widest:>6} {spent.calls:>5.0f}"
    return f"{row} {counts} {spent.hits:>5.0%} {spent.cpu_ms:>6.2f}"
