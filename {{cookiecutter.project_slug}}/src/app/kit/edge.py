"""The edge: what holds for every request before the application sees it, and for every answer that leaves.

Bounds of size and time, the answer to HEAD, and the headers that tell a browser what it must not do.
"""

import asyncio
from http import HTTPStatus

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.types.asgi_types import ReceiveMessage

from app.kit import openapi
from app.kit.errors import RETRY_SECONDS, send_problem

log = structlog.get_logger()

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024
CLOSE = {"Connection": "close"}

GUARDS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
API_GUARDS = [*GUARDS, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")]
DOCS_GUARDS = [*GUARDS, (b"content-security-policy", openapi.CONTENT_SECURITY_POLICY)]
# One year, and only where the client came by https: elsewhere a browser ignores it (RFC 6797, section 8.1).
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """ASGI middleware that refuses what is too large, ends what takes too long, and guards every answer."""

    def __init__(self, app: ASGIApp, request_seconds: float) -> None:
        """Take the application and how long it may take from a request's last header to its answer's last byte."""
        self._app = app
        self._seconds = request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on within its bounds; answer 414 or 431 to what is too large, 408 or 503 to what is late."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, answer = _Body(receive), _Answer(scope, send)
        if too_large := _too_large(scope):
            await send_problem(answer.send, *too_large, CLOSE)
            return
        asked: Scope = scope
        if scope["method"] == "HEAD":
            asked = {**scope, "method": "GET"}  # a copy: the server goes by its own
        try:
            async with asyncio.timeout(self._seconds) as deadline:
                await self._app(asked, body.receive, answer.send)
        except TimeoutError:
            if not deadline.expired():
                raise
            await self._end(scope, body, answer)
        finally:
            if "path_template" in asked:
                scope["path_template"] = asked["path_template"]  # for the log

    async def _end(self, scope: HTTPScope, body: "_Body", answer: "_Answer") -> None:
        if body.awaited and not answer.started:
            await send_problem(answer.send, 408, f"The body did not arrive within {self._seconds:g} s.", CLOSE)
            return
        log.error("request took too long", method=scope["method"], path=scope["path"], seconds=self._seconds)
        if not answer.started:  # else the server closes the connection, which shows that something is missing
            retry = {"Retry-After": str(RETRY_SECONDS)}
            await send_problem(answer.send, 503, f"There was no answer within {self._seconds:g} s.", retry)


def _too_large(scope: HTTPScope) -> tuple[int, str] | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        return 414, f"The path and the query have more than {MAX_TARGET_BYTES} bytes."
    headers = list(scope["headers"])
    if len(headers) > MAX_HEADERS:
        return 431, f"There are more than {MAX_HEADERS} headers."
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    if size > MAX_HEADER_BYTES:
        return 431, f"The headers have more than {MAX_HEADER_BYTES} bytes."
    return None


class _Body:
    """A request's body, which knows whether the application waits for it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False
        self.awaited = False

    async def receive(self) -> ReceiveMessage:
        self.awaited = not self._complete
        message = await self._receive()
        self.awaited = False
        self._complete = not message.get("more_body", False)
        return message


class _Answer:
    """An answer, which knows whether it has begun."""

    def __init__(self, scope: HTTPScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            given = list(message["headers"])
            named = {name for name, _ in given}  # a page may have a policy of its own
            message = {**message, "headers": [*given, *(guard for guard in self._guards() if guard[0] not in named)]}
            if message["status"] == HTTPStatus.METHOD_NOT_ALLOWED or self._scope["method"] == "OPTIONS":
                message["headers"] = [_with_head(name, value) for name, value in message["headers"]]
        elif message["type"] == "http.response.body" and self._scope["method"] == "HEAD":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        await self._send(message)

    def _guards(self) -> list[tuple[bytes, bytes]]:
        guards = DOCS_GUARDS if self._scope["path"].startswith(openapi.PATH) else API_GUARDS
        return [*guards, HTTPS_ONLY] if self._scope["scheme"] == "https" else guards


def _with_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    # Litestar doesn't know that what answers GET answers HEAD here.
    return (name, value + b", HEAD") if name.lower() == b"allow" and b"GET" in value.split(b", ") else (name, value)
