"""Answers as they are sent: encoded, named by a tag, and 304 where the client has them already.

The rules are those of RFC 9110, 9111 and 9211.
"""

import time
from hashlib import blake2b
from http import HTTPStatus
from typing import TypeAlias

import msgspec
from litestar.types import Send

from app.kit import negotiation
from app.kit.cache_store import Entry

Headers: TypeAlias = list[tuple[bytes, bytes]]

OK, NOT_MODIFIED, PRECONDITION_FAILED = HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.PRECONDITION_FAILED
ETAG_BYTES = 12
PRIVATE = (b"cache-control", b"private, no-store")
VARY = (b"vary", b"Accept, Accept-Encoding")
HIT = (b"cache-status", b"app; hit")
MISS = (b"cache-status", b"app; fwd=miss; stored")


class Answer(msgspec.Struct):
    """What the application says to a request, as a whole."""

    status: int
    headers: Headers
    body: bytes


def may_be_kept(answer: Answer) -> bool:
    """Return whether `answer` is a success, and the view did not say something else of it."""
    return answer.status == OK and all(name != b"cache-control" for name, _ in answer.headers)


def new_entry(answer: Answer, cache_control: bytes, coding: str) -> Entry:
    """Return `answer` as it is kept: encoded once for all who get it."""
    headers, body = _encode(answer, coding)
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    etag = f'"{blake2b(kind + body, digest_size=ETAG_BYTES).hexdigest()}"'
    headers += ((b"etag", etag.encode()), (b"cache-control", cache_control))
    return Entry(time.time(), etag, headers, body)


def kept_by_nobody(answer: Answer, coding: str) -> Answer:
    """Return `answer` as it is sent to the one who asked."""
    if answer.status != OK:
        return answer
    headers, body = _encode(answer, coding)
    return Answer(OK, [*headers, PRIVATE] if may_be_kept(answer) else headers, body)


def _encode(answer: Answer, coding: str) -> tuple[Headers, bytes]:
    """Return the headers and the body, in `coding` where that makes it smaller."""
    headers = [(name, value) for name, value in answer.headers if name != b"content-length"]
    body = negotiation.compress(answer.body, coding)
    if body is not answer.body:
        headers.append((b"content-encoding", coding.encode()))
    return [*headers, (b"content-length", b"%d" % len(body)), VARY], body


def reply(entry: Entry, asked: dict[bytes, bytes], *, hit: bool) -> Answer:
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


async def send_answer(send: Send, answer: Answer) -> None:
    """Send all of `answer`."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
