"""How a job asks the application itself for a page: as a client would, but without a network and its bounds."""

from typing import Any

from litestar.types import ASGIApp, Message
from litestar.types.asgi_types import ReceiveMessage
from sqlalchemy.ext.asyncio import AsyncSession

VISITS = "visits"
"""The place in a session's `info` where the application is."""


class Visits:
    """The application, once it is made."""

    handler: ASGIApp | None = None
    app: object = None
    """What Litestar puts into each request's scope."""


async def visit(session: AsyncSession, address: str) -> int:
    """Return the status of the answer to a browser's GET of `address`, a path and maybe a query, cached as anybody's.

    Raises LookupError where the session knows no application.
    """
    visits: Visits | None = session.info.get(VISITS)
    if visits is None or visits.handler is None:
        raise LookupError(f"There is no application here to ask for {address}.")
    path, _, query = address.partition("?")
    status = 0

    async def receive() -> ReceiveMessage:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"accept-encoding", b"zstd")],
        "client": None,
        "server": None,
        "litestar_app": visits.app,
    }
    await visits.handler(scope, receive, send)
    return status
