"""Which representation a client gets (RFC 9110, section 12): JSON or MessagePack; zstd, gzip or plain."""

import gzip
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from litestar import Litestar, Request, Response
from litestar.enums import MediaType
from litestar.response.base import ASGIResponse
from litestar.serialization import default_serializer, encode_msgpack
from litestar.types import Serializer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Content = TypeVar("Content")

JSON = MediaType.JSON.value
MESSAGEPACK = "application/vnd.msgpack"
# What clients ask for, and what they get: MessagePack had other names before it was registered under this one.
MEDIA_TYPES = {
    JSON: JSON,
    MESSAGEPACK: MESSAGEPACK,
    "application/msgpack": MESSAGEPACK,
    "application/x-msgpack": MESSAGEPACK,
}
# In the order of our own liking: at these levels zstd takes less time than gzip, and fewer bytes.
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, 3),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}
# Below this a coding's own header and the time it takes cost more than the bytes that it saves.
MIN_COMPRESSED_BYTES = 500


class Negotiated(Response[Content]):
    """An answer in the media type that the request prefers."""

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        **others: Any,  # noqa: ANN401
    ) -> ASGIResponse:
        """Return the answer encoded for `request`."""
        if self.media_type in {None, JSON}:
            self.media_type = media_type(request.headers.get("accept", ""))
        return super().to_asgi_response(app, request, **others)

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:  # noqa: ANN401
        """Return the bytes of `content`."""
        if media_type == MESSAGEPACK:
            return encode_msgpack(content, enc_hook)
        return super().render(content, media_type, enc_hook)


def media_type(accept: str, offers: Mapping[str, str] = MEDIA_TYPES) -> str:
    """Return which of `offers` the header Accept prefers, the first where it names none: JSON or MessagePack."""
    return offers[_preferred(accept, tuple(offers)) or next(iter(offers))]


def coding(accept_encoding: str) -> str:
    """Return the content coding for the header Accept-Encoding: `zstd`, `gzip`, or an empty text for none."""
    return _preferred(accept_encoding, tuple(CODINGS)) or ""


def compress(body: bytes, coding: str) -> bytes:
    """Return `body` in `coding`; `body` itself where there is no coding or nothing to gain."""
    if not coding or len(body) < MIN_COMPRESSED_BYTES:
        return body
    compressed = CODINGS[coding](body)
    return compressed if len(compressed) < len(body) else body


@lru_cache(maxsize=256)
def _preferred(header: str, offers: Sequence[str]) -> str | None:
    """Return the offer of the highest quality, the first of several; None if the header names none of them."""
    qualities: dict[str, float] = {}
    for item in header.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        qualities[name] = _quality(parameters)
    best, most = None, 0.0
    for offer in offers:
        ranges = (offer, f"{offer.partition('/')[0]}/*", "*/*", "*")
        quality = next((qualities[name] for name in ranges if name in qualities), 0.0)
        if quality > most:
            best, most = offer, quality
    return best


def _quality(parameters: Sequence[str]) -> float:
    weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return float(weight)
    except ValueError:
        return 0.0
