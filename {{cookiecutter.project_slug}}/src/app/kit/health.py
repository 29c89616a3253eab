"""Health checks: whether the process runs, and whether it can serve."""

import asyncio
from typing import Literal

from litestar import Response, get

from app.kit.errors import Problem, problem_response, problems
from app.kit.parameters import Reads
from app.kit.schemas import Schema

LIVE = "/health/live"
READY = "/health/ready"
READY_SECONDS = 2


class Health(Schema):
    """A process that is well."""

    status: Literal["ok"] = "ok"


@get(LIVE, tags=["health"], summary="Does the process run?")
async def live() -> Health:
    """Answer as long as the process runs: for a supervisor that restarts what hangs."""
    return Health()


@get(READY, tags=["health"], summary="Can it serve?", responses=problems(503))
async def ready(read: Reads) -> Response[Health] | Response[Problem]:
    """Answer 200 where the database answers within two seconds, else 503: for a load balancer."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await read.ping()
    except Exception:  # noqa: BLE001 - whatever the driver raises, the meaning is the same
        return problem_response(503, "The database does not answer.", headers={"Retry-After": "5"})
    return Response(Health())
