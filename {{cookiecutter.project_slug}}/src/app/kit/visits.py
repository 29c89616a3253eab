"""How a job asks the application itself for a page, as a client would, but without a network."""

from typing import Any

from litestar.types import ASGIApp, Message
from litestar.types.asgi_types import ReceiveMessage
from sqlalchemy.ext.asyncio import AsyncSession

VISITS = "visits"
"""The place in a session's `info` where the application is."""
ENCODING = b"zstd"
"""What browsers prefer, and so what a page is kept in."""


class Visits:
    """The application, once it is made."""

    app: ASGIApp | None = None


async def visit(session: AsyncSession, path: str) -> int:
    """Return the status of the answer to a GET of `path`, which is cached as anybody's; 503 without an application."""
    visits: Visits | None = session.info.get(VISITS)
    status = 503
    if visits is None or visits.app is None:
        return status

    async def receive() -> ReceiveMessage:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    scope: Any = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"accept-encoding", ENCODING)],
        "client": None,
        "server": None,
        "extensions": {},
        "state": {},
    }
    await visits.app(scope, receive, send)
    return status
