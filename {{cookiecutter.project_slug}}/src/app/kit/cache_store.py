"""Where cached bytes lie: under keys and tags, in the memory of this process or in Valkey/Redis.

Each tag has a token, random and stored like the entries. An entry keeps the tokens that its tags had *before* what
it holds was read; to purge a tag is to delete its token. So an entry that is stored after a purge, from what was
read before it, matches no more.
"""

import random
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
from cashews import Cache as Cashews
from cashews.backends.interface import Backend
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.kit.changes import EVERYTHING
from app.kit.optional_service import OptionalService

Result = TypeVar("Result")
Tokens: TypeAlias = tuple[bytes, ...]

MAX_ENTRIES = 2_000
MAX_ENTRY_BYTES = 128 * 1024
CONNECTIONS = 16
# No shorter than a request waits (`optional_service`), so that there is one judge of what is too late.
CLIENT_SECONDS = 1
# A token that is dropped or forgotten costs its entries, never their truth.
TOKEN_BYTES = 12
TOKEN_SECONDS = 7 * 24 * 3600
# Of entries that were made in one moment, not all end in one moment.
JITTER = 0.1
LOCK_SECONDS = 5
CLIENT_OPTIONS: dict[str, Any] = {
    "retry": Retry(NoBackoff(), 1),  # once, for a connection that the server closed while it was idle
    "driver_info": None,  # else each new connection reads the client's version from its files
}
SERIALIZER: dict[str, Any] = {
    "pickle_type": "null",  # what lies in a shared cache must never run
    "check_repr": False,  # else each value found is written out, to see whether it can be
}
PROBE = "probe"


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """Bytes ready to be sent, and what is to be said about them."""

    made_at: float
    """Seconds since the epoch, UTC."""
    etag: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Stored(msgspec.Struct, array_like=True, frozen=True):
    """An entry as it lies in the store."""

    tokens: Tokens
    entry: Entry


class Found(msgspec.Struct, frozen=True):
    """The answer to a look-up."""

    entry: Entry | None
    tokens: Tokens | None
    """With which to store what is read from now on; None while the cache is down."""


NOTHING = Found(None, None)
DECODER = msgspec.msgpack.Decoder(Stored)


class CacheStore:
    """Entries under keys and tags. While the service behind it is down, nothing is found and nothing kept."""

    def __init__(self, url: str) -> None:
        """Take a `CACHE_URL`, empty for this process's memory."""
        self._backend = _backend(url)
        self.service = OptionalService("cache", self._probe, recovered=self._forget_everything)
        """The server behind CACHE_URL, for all who use it: the first to miss it spares the others the wait."""
        self._ask = self.service.ask if url else _ask_memory

    async def open(self) -> None:
        """Connect; a store that is down now is used once it is up."""
        await self._ask(self._probe, otherwise=None)

    async def close(self) -> None:
        """Stop probing and close the connections."""
        await self.service.close()
        if self._backend.is_init:
            await self._backend.close()

    async def look_up(self, key: str, tags: Iterable[str]) -> Found:
        """Return the entry of `key` if it is newer than every purge of its `tags`, and their tokens: one round trip."""
        names = [key, _token_key(EVERYTHING), *map(_token_key, tags)]
        stored = await self._ask(lambda: self._backend.get_many(*names), otherwise=None)
        if stored is None:
            return NOTHING
        packed, *tokens = stored
        unpacked = _unpack(packed)
        if unpacked is not None and unpacked.tokens == _tokens(tokens):
            return Found(unpacked.entry, unpacked.tokens)
        return Found(None, await self._complete(names[1:], tokens))

    async def keep(self, key: str, entry: Entry, tokens: Tokens, seconds: float) -> None:
        """Store `entry`, made after `tokens` were looked up, for `seconds` or up to a tenth less."""
        packed = msgspec.msgpack.encode(Stored(tokens, entry))
        if len(packed) <= MAX_ENTRY_BYTES:
            lifetime = seconds * (1 - JITTER * random.random())  # noqa: S311 - spreads, hides nothing
            await self._ask(lambda: self._backend.set(key, packed, expire=lifetime), otherwise=False)

    async def purge(self, tags: Iterable[str]) -> None:
        """Make every entry under any of `tags` worthless, also those on their way into the cache."""
        names = [_token_key(tag) for tag in tags]
        await self._ask(lambda: self._backend.delete_many(*names), otherwise=None)

    async def lock(self, key: str) -> str | None:
        """Return the right to load `key`, to be given back with `unlock`; None if another process has it.

        The right ends by itself after five seconds. While the cache is down everybody has it.
        """
        owner = secrets.token_hex(8)
        locked = await self._ask(
            lambda: self._backend.set_lock(f"lock {key}", owner, expire=LOCK_SECONDS), otherwise=True
        )
        return owner if locked else None

    async def unlock(self, key: str, owner: str) -> None:
        """Let others load `key`."""
        await self._ask(lambda: self._backend.unlock(f"lock {key}", owner), otherwise=False)

    async def _complete(self, names: Sequence[str], stored: Sequence[object]) -> Tokens | None:
        """Return the tokens of `names`; one that is missing is made, once for all processes."""
        if None not in stored:
            return _tokens(stored)

        async def make() -> Sequence[object]:
            for name, token in zip(names, stored, strict=True):
                if token is None:
                    await self._backend.set(name, secrets.token_bytes(TOKEN_BYTES), expire=TOKEN_SECONDS, exist=False)
            made = await self._backend.get_many(*names)
            if garbage := [name for name, token in zip(names, made, strict=True) if token is None]:
                await self._backend.delete_many(*garbage)  # somebody else's values, in the way of ours
            return made

        made = await self._ask(make, otherwise=None)
        return None if made is None or None in made else _tokens(made)

    async def _forget_everything(self) -> None:
        # While the store was down, purges didn't reach it.
        await self._backend.delete(_token_key(EVERYTHING))

    async def _probe(self) -> None:
        if not self._backend.is_init:
            await self._backend.init()
        await self._backend.set(PROBE, b"well", expire=1)  # a store that is full can be read, but not used
        await self._backend.get(PROBE)


def redis_address(url: str) -> str:
    """Return a `CACHE_URL` as the client of redis-py takes it: Valkey's schemes are Redis's."""
    return url.replace("valkey", "redis", 1) if url.startswith("valkey") else url


async def _ask_memory(call: Callable[[], Awaitable[Result]], otherwise: Result) -> Result:  # noqa: ARG001
    """Stand in for `OptionalService.ask` where there is no service to wait for."""
    return await call()


def _backend(url: str) -> Backend:
    if not url:
        return Cashews().setup("mem://", size=MAX_ENTRIES, check_interval=0, **SERIALIZER)
    return Cashews().setup(
        redis_address(url),
        **SERIALIZER,
        suppress=False,
        socket_timeout=CLIENT_SECONDS,
        socket_connect_timeout=CLIENT_SECONDS,
        wait_for_connection_timeout=CLIENT_SECONDS,
        max_connections=CONNECTIONS,
        **CLIENT_OPTIONS,
    )


def _token_key(tag: str) -> str:
    return f"token {tag}"


def _tokens(stored: Sequence[object]) -> Tokens:
    return tuple(token if isinstance(token, bytes) else str(token).encode() for token in stored)


def _unpack(packed: object) -> Stored | None:
    try:
        return DECODER.decode(packed) if isinstance(packed, bytes) else None
    except msgspec.DecodeError:  # somebody else's value under our key is no entry
        return None
