"""Health checks: whether the process runs, and whether it can serve."""

import asyncio
from typing import Literal

from litestar import Response, get
from litestar.openapi.spec import Tag

from app.kit.errors import RETRY_SECONDS, Problem, problem_response, problems
from app.kit.parameters import Reads
from app.kit.schemas import Schema

LIVE = "/health/live"
READY = "/health/ready"
READY_SECONDS = 2
TAG = Tag("health", "For a supervisor and a load balancer.")
# The event loop alone would let a task be collected half-way.
PINGS: set[asyncio.Task[None]] = set()


class Health(Schema):
    """A process that is well."""

    status: Literal["ok"] = "ok"


@get(LIVE, tags=[TAG.name], summary="Does the process run?", response_description="It does.")
async def live() -> Health:
    """Answer as long as the process runs: for a supervisor that restarts what hangs."""
    return Health()


@get(READY, tags=[TAG.name], summary="Can it serve?", response_description="It can.", responses=problems(503))
async def ready(read: Reads) -> Response[Health] | Response[Problem]:
    """Answer 200 where the database answers within two seconds, else 503: for a load balancer."""
    ping = asyncio.create_task(read.ping())
    PINGS.add(ping)
    ping.add_done_callback(_ended)
    # Not `timeout`, which waits for what it cancels: a driver tells a frozen server first, and waits for its answer.
    await asyncio.wait([ping], timeout=READY_SECONDS)
    if ping.done() and ping.exception() is None:
        return Response(Health())
    ping.cancel()
    return problem_response(503, "The database does not answer.", headers={"Retry-After": str(RETRY_SECONDS)})


def _ended(ping: asyncio.Task[None]) -> None:
    PINGS.discard(ping)
    if not ping.cancelled():
        ping.exception()  # looked at, or the event loop complains
