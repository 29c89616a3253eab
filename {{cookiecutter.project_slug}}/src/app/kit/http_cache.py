"""HTTP's side of the cache: who may keep an answer, for how long, and when a 304 will do.

A view says in its decorator what its answer is made of: `cached=Public(tags=[Book, Author], fresh=...)`. A view that
says nothing is private, and kept by nobody. The rules are those of RFC 9110, 9111 and 9211.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

import msgspec
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from app.kit import changes, negotiation
from app.kit.cache import Cache
from app.kit.cache_store import Entry
from app.kit.logs import cost

Headers: TypeAlias = list[tuple[bytes, bytes]]

OK, NOT_MODIFIED, PRECONDITION_FAILED = HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.PRECONDITION_FAILED
ETAG_BYTES = 12
PRIVATE = (b"cache-control", b"private, no-store")
VARY = (b"vary", b"Accept, Accept-Encoding")
HIT = (b"cache-status", b"app; hit")
MISS = (b"cache-status", b"app; fwd=miss; stored")


class Row(msgspec.Struct, frozen=True):
    """One row of `model`: that whose key is the path parameter `parameter`."""

    model: type[Any]
    parameter: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer to one request is kept."""

    place: str
    """Its name among all answers: equal for all requests that get it, but for how it is encoded."""
    tags: Sequence[str]
    cache_control: bytes
    seconds: float
    media_types: Mapping[str, str]
    """Those that it can have, as `negotiation.media_type` takes them."""


class Policy(Protocol):
    """What a view says in `cached=`."""

    def of(self, scope: HTTPScope) -> Kept | None:
        """Return how the answer to this request is kept; None where nobody may keep it."""
        ...


class Public(msgspec.Struct, frozen=True, kw_only=True):
    """Says of a view that everybody gets the same answer from it."""

    tags: Sequence[type[Any] | Row]
    """What the answer is made of: tables, by their models, or single rows. A committed write to them purges it."""
    fresh: timedelta
    """How long a cache may keep the answer without asking, ours and those out of reach of a purge, such as a CDN."""
    stale: timedelta = timedelta(minutes=1)
    """How long after that those out of reach may still send it, while they ask."""

    def of(self, scope: HTTPScope) -> Kept:
        """Return how the answer to a request is kept, by its path parameters."""
        address = b"%b?%b" % (scope["raw_path"], scope["query_string"])
        return self.kept(address.decode("latin-1"), self.tags_of(scope["path_params"]))

    def kept(self, place: str, tags: Sequence[str], media_types: Mapping[str, str] = negotiation.MEDIA_TYPES) -> Kept:
        """Return how an answer with this place and `tags`, in one of `media_types`, is kept."""
        return Kept(
            place=place,
            tags=tags,
            cache_control=self.cache_control(),
            seconds=self.fresh.total_seconds(),
            media_types=media_types,
        )

    def tags_of(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return the tags of an answer to a request with these path parameters."""
        tags: list[str] = []
        for part in self.tags:
            if isinstance(part, Row):
                key = parameters[part.parameter]
                tags += (changes.tag(part.model, key), changes.tag(part.model, changes.SOME_ROWS))
            else:
                tags.append(changes.tag(part))
        return tags

    def cache_control(self) -> bytes:
        """Return the header's value: browsers ask each time, shared caches don't."""
        fresh, stale = int(self.fresh.total_seconds()), int(self.stale.total_seconds())
        return b"public, max-age=0, s-maxage=%d, stale-while-revalidate=%d" % (fresh, stale)


class Answer(msgspec.Struct):
    """What the application says to a request, as a whole."""

    status: int
    headers: Headers
    body: bytes


class Asked:
    """What a request says about the answer that it wants."""

    def __init__(self, scope: HTTPScope, *, compressed: bool) -> None:
        self.headers = dict(scope["headers"])
        self.coding = negotiation.coding(self._text(b"accept-encoding")) if compressed else ""

    def key(self, kept: Kept) -> str:
        """Return the name under which its answer is kept."""
        return f"{kept.place} {negotiation.media_type(self._text(b'accept'), kept.media_types)} {self.coding}"

    def _text(self, header: bytes) -> str:
        return self.headers.get(header, b"").decode("latin-1")


class HttpCache:
    """ASGI middleware inside Litestar's routing: answers GETs from the cache, and makes what goes into it."""

    def __init__(self, app: ASGIApp, cache: Cache, *, caches: bool, compresses: bool) -> None:
        self._app = app
        self._cache = cache
        self._caches = caches
        self._compresses = compresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET from the cache where that may be; pass everything else on, and compress what it answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Asked(scope, compressed=self._compresses)
        kept = self._kept(scope, asked)
        answer: Answer | None = None

        async def load() -> Entry | None:
            nonlocal answer
            answer = await _whole(self._app, scope, receive, send)
            return _entry(answer, kept, asked.coding) if answer and kept and _may_be_kept(answer) else None

        if kept is None:
            entry = await load()
        else:
            entry = await self._cache.get(asked.key(kept), kept.tags, kept.seconds, load)
        if entry is not None:
            hit = answer is None
            if hit and (spent := cost.get()) is not None:
                spent.hits = 1
            await _send(send, _reply(entry, asked.headers, hit=hit))
        elif answer is not None:
            await _send(send, _kept_by_nobody(answer, asked.coding))

    def _kept(self, scope: HTTPScope, asked: Asked) -> Kept | None:
        policy: Policy | None = scope["route_handler"].opt.get("cached")
        if policy is None or not self._caches or scope["method"] != "GET" or b"authorization" in asked.headers:
            return None
        return policy.of(scope)


async def _whole(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Answer | None:
    """Return what `app` answers; None where it is a stream, which goes to `send` as it comes."""
    answer: Answer | None = None
    start: HTTPResponseStartEvent | None = None

    async def collect(message: Message) -> None:
        nonlocal answer, start
        if message["type"] == "http.response.start":
            start = message
        elif start is not None and message["type"] == "http.response.body" and not message["more_body"]:
            answer = Answer(start["status"], list(start["headers"]), message["body"])
        else:
            if start is not None:
                await send(start)
                start = None
            await send(message)

    await app(scope, receive, collect)
    return answer


def _may_be_kept(answer: Answer) -> bool:
    """Return whether `answer` is a success, and the view did not say something else of it."""
    return answer.status == OK and all(name != b"cache-control" for name, _ in answer.headers)


def _entry(answer: Answer, kept: Kept, coding: str) -> Entry:
    """Return `answer` as it is kept: encoded once for all who get it."""
    headers, body = _encode(answer, coding)
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    etag = f'"{blake2b(kind + body, digest_size=ETAG_BYTES).hexdigest()}"'
    headers += ((b"etag", etag.encode()), (b"cache-control", kept.cache_control))
    return Entry(time.time(), etag, headers, body)


def _kept_by_nobody(answer: Answer, coding: str) -> Answer:
    if answer.status != OK:
        return answer
    headers, body = _encode(answer, coding)
    return Answer(OK, [*headers, PRIVATE] if _may_be_kept(answer) else headers, body)


def _encode(answer: Answer, coding: str) -> tuple[Headers, bytes]:
    """Return the headers and the body, in `coding` where that makes it smaller."""
    headers = [(name, value) for name, value in answer.headers if name != b"content-length"]
    body = negotiation.compress(answer.body, coding)
    if body is not answer.body:
        headers.append((b"content-encoding", coding.encode()))
    return [*headers, (b"content-length", b"%d" % len(body)), VARY], body


def _reply(entry: Entry, asked: dict[bytes, bytes], *, hit: bool) -> Answer:
    """Return the entry, or what says that the client has it (304) or that its condition fails (412)."""
    headers = [*entry.headers, (b"age", b"%d" % max(time.time() - entry.made_at, 0)), HIT if hit else MISS]
    status = _condition(asked, entry.etag)
    if status == OK:
        return Answer(OK, headers, entry.body)
    # Not what describes the body, which stays away.
    return Answer(status, [header for header in headers if not header[0].startswith(b"content-")], b"")


def _condition(asked: dict[bytes, bytes], etag: str) -> int:
    """Return 200, 304 or 412, by RFC 9110, section 13.2.2."""
    if b"if-match" in asked and not _matches(asked[b"if-match"], etag, weak=False):
        return PRECONDITION_FAILED
    return NOT_MODIFIED if b"if-none-match" in asked and _matches(asked[b"if-none-match"], etag, weak=True) else OK


def _matches(header: bytes, etag: str, *, weak: bool) -> bool:
    tags = [tag.strip() for tag in header.decode("latin-1").split(",")]
    return "*" in tags or etag in tags or (weak and f"W/{etag}" in tags)


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
