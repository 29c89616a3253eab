"""The cache: what is made once is used until a write purges it, and made once however many ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from app.kit.cache_store import CacheStore, Entry, Found, Tokens

# How long a process waits for what another one is making, which has five seconds for it.
WAIT_SECONDS = 2
POLL_SECONDS = 0.02
CODE_BYTES = 6

Load = Callable[[], Awaitable[Entry | None]]


def code_version() -> str:
    """Return a digest of the application's code, the same in all processes of one deploy."""
    digest = blake2b(digest_size=CODE_BYTES)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Loaded(msgspec.Struct, frozen=True):
    """What one who loads has for those who wait for it."""

    entry: Entry | None
    given_up: bool = False
    """Whether another one must load instead."""


class Cache:
    """Entries by key, made where they are missing by one of those who ask: one in all processes on a shared store."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._code = ""
        self._loads: dict[tuple[str, Tokens], asyncio.Future[Loaded]] = {}

    async def open(self) -> None:
        """Connect, and learn which code this is: no deploy is served what another one's made."""
        await self._store.open()
        self._code = await asyncio.to_thread(code_version)

    async def get(self, key: str, tags: Sequence[str], seconds: float, load: Load) -> Entry | None:
        """Return the entry of `key`, or what `load` makes, which is then kept under `tags` for `seconds`.

        Where `load` returns None there is nothing to keep or to share: everybody calls their own. What it raises
        is raised.
        """
        key = f"{self._code} {key}"
        found = await self._store.look_up(key, tags)
        if found.entry is not None:
            return found.entry
        if found.tokens is None:
            return await load()
        # The tokens are a part of the key: who asks after a write doesn't take what was read before it.
        place = (key, found.tokens)
        while (shared := self._loads.get(place)) is not None:
            loaded = await asyncio.shield(shared)
            if not loaded.given_up:
                return loaded.entry or await load()
        self._loads[place] = shared = asyncio.get_running_loop().create_future()
        loaded = Loaded(None)
        try:
            loaded = Loaded(await self._load(key, tags, seconds, load))
        except asyncio.CancelledError:
            loaded = Loaded(None, given_up=True)
            raise
        finally:
            del self._loads[place]
            shared.set_result(loaded)
        return loaded.entry

    async def _load(self, key: str, tags: Sequence[str], seconds: float, load: Load) -> Entry | None:
        owner, found = await self._turn(key, tags)
        try:
            if found.entry is not None:
                return found.entry
            entry = await load()
            if entry is not None and found.tokens is not None:
                await self._store.keep(key, entry, found.tokens, seconds)
        finally:
            if owner is not None:
                await self._store.unlock(key, owner)
        return entry

    async def _turn(self, key: str, tags: Sequence[str]) -> tuple[str | None, Found]:
        """Wait for our turn to load `key`, or for another process to do so; return our right and what is there."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            owner = await self._store.lock(key)
            found = await self._store.look_up(key, tags)
            if owner is not None or found.entry is not None or time.monotonic() > until:
                return owner, found
            await asyncio.sleep(POLL_SECONDS)
