"""HTTP's side of the cache: who may keep an answer, for how long, and when a 304 will do.

A view says in its decorator what its answer is made of: `cached=Public(tags=[Book, Author], fresh=...)`. A view that
says nothing is private, and kept by nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from app.kit import changes, negotiation
from app.kit.cache import Cache
from app.kit.cache_store import Entry
from app.kit.http_answers import Answer, kept_by_nobody, may_be_kept, new_entry, reply, send_answer
from app.kit.logs import cost


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
            return (
                new_entry(answer, kept.cache_control, asked.coding) if answer and kept and may_be_kept(answer) else None
            )

        if kept is None:
            entry = await load()
        else:
            entry = await self._cache.get(asked.key(kept), kept.tags, kept.seconds, load)
        if entry is not None:
            hit = answer is None
            if hit and (spent := cost.get()) is not None:
                spent.hits = 1
            await send_answer(send, reply(entry, asked.headers, hit=hit))
        elif answer is not None:
            await send_answer(send, kept_by_nobody(answer, asked.coding))

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
