"""A folder of static files that a proxy or a CDN serves, so that a reader costs no code of ours.

A file appears whole or not at all, and is left alone where it has its content already. A large one has siblings that
were compressed once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import ParamSpec, TypeAlias, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.negotiation import compress
from app.kit.settings import Settings, SettingsError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Files: TypeAlias = Mapping[str, bytes]
"""Contents by their paths in the folder, in the order in which they appear."""

SITE = "static site"
"""The place in a session's `info` where the site is, or None."""

HEADERS = "_headers"
"""The file of response headers that Cloudflare Pages and Netlify read; here also the sign that a folder is ours."""
ASSETS = "assets"
# A file that a single packet carries arrives no sooner for being smaller, and each sibling takes a place on the disk.
PACKET_BYTES = 1_400
SIBLINGS = {".zst": "zstd", ".gz": "gzip"}
"""The endings under which Caddy (`precompressed zstd gzip`) and nginx (`gzip_static on`) look for a coding."""


class Rendered(msgspec.Struct):
    """What became of the files of a site."""

    files: int = 0
    written: int = 0
    """So many of them were not there with that content."""
    removed: int = 0


class StaticSite:
    """A folder of files, made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def keep(self, make: Callable[[], Awaitable[Files]]) -> dict[str, bool]:
        """Write the files that `make` returns until it returns the same again; return which of them were written.

        So the last one to write a file has seen afterwards that it is right, however many write at once, and none
        needs a lock. Raises SettingsError where the folder can't be used.
        """
        done: dict[str, bool] = {}
        kept: Files | None = None
        while (files := await make()) != kept:
            changed = await self._do(self._write, files)
            done |= {path: path in changed or done.get(path, False) for path in files}
            kept = files
        return done

    async def has(self, path: str) -> bool:
        """Return whether there is such a file."""
        return await self._do((self.folder / path).is_file)

    async def paths(self, *folders: str) -> set[str]:
        """Return the paths of all files that lie in `folders`; compressed siblings go without saying."""
        return await self._do(self._paths, folders)

    async def remove(self, paths: Iterable[str]) -> None:
        """Remove the files at `paths` with their siblings, as far as they are there."""
        await self._do(self._remove, paths)

    async def _do(self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except OSError as error:
            raise SettingsError(f"PAGES_DIR can't be used: {error}") from None

    def _write(self, files: Files) -> set[str]:
        if not (self.folder / HEADERS).exists() and self.folder.exists() and any(self.folder.glob("[!.]*")):
            raise SettingsError(f"PAGES_DIR names {self.folder}, where other files are: name a new or an empty folder")
        return {
            path
            for path, content in files.items()
            if sum(self._put(name, variant) for name, variant in _variants(path, content))  # unlike any(), all of them
        }

    def _put(self, name: str, content: bytes | None) -> bool:
        """Let the file `name` have that content, or be gone; return whether it had another one."""
        path = self.folder / name
        if content is None:
            path.unlink(missing_ok=True)
            return False
        try:
            if path.read_bytes() == content:
                return False
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        # With a name of its own, lest two writers share it; a reader sees the old file or the new one.
        draft = path.with_name(f".{path.name}.{token_hex(4)}")
        draft.write_bytes(content)
        draft.replace(path)
        return True

    def _paths(self, folders: Iterable[str]) -> set[str]:
        found = (path for folder in folders for path in (self.folder / folder).rglob("*") if path.is_file())
        names = (path.relative_to(self.folder) for path in found)
        return {(name.with_suffix("") if name.suffix in SIBLINGS else name).as_posix() for name in names}

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            for ending in ("", *SIBLINGS):
                (self.folder / f"{path}{ending}").unlink(missing_ok=True)


def new_site(settings: Settings) -> StaticSite | None:
    """Return the site of PAGES_DIR, or None; without jobs there is none, for what isn't committed can't be rendered."""
    if not settings.pages_dir or settings.practices_off & {"jobs", "pages"}:
        return None
    return StaticSite(Path(settings.pages_dir))


def static_site(session: AsyncSession) -> StaticSite | None:
    """Return the site that shows what `session` changes; None where nothing is rendered."""
    return session.info.get(SITE)


def asset(name: str, content: bytes) -> str:
    """Return the path of an asset, which tells its content: what is cached under it for ever never grows old."""
    stem, _, ending = name.rpartition(".")
    return f"{ASSETS}/{stem}.{sha256(content).hexdigest()[:12]}.{ending}"


def headers(*pages: str, policy: str) -> bytes:
    """Return the content of HEADERS: assets stay for a year, `pages` for a minute and in need for a day.

    `pages` are paths that may end in `*`, of which no two match the same page: a CDN would send both their lines.
    `policy` is the Content-Security-Policy of them all.
    """
    page = "public, max-age=60, stale-while-revalidate=86400"
    rules = {
        "/*": {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
        **{path: {"Cache-Control": page} for path in pages},
        f"/{ASSETS}/*": {"Cache-Control": "public, max-age=31536000, immutable"},
    }
    lines: list[str] = []
    for path, rule in rules.items():
        lines += [path, *(f"  {name}: {value}" for name, value in rule.items())]
    return "\n".join((*lines, "")).encode()


def _variants(path: str, content: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Yield the names and contents of a file and its siblings; None for a sibling that would save nothing."""
    yield path, content
    for ending, coding in SIBLINGS.items():
        compressed = compress(content, coding) if len(content) > PACKET_BYTES else content
        yield f"{path}{ending}", None if compressed is content else compressed
