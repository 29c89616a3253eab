"""A folder of static files."""

import gzip
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from app.kit.negotiation import zstd
from app.kit.settings import SettingsError
from app.kit.static_site import Files, StaticSite, asset, headers, new_site
from tests.conftest import make_settings

PROSE = b"<p>Once upon a time there was a page. " * 100


@pytest.fixture
def site(tmp_path: Path) -> StaticSite:
    """Return a site whose folder isn't there yet."""
    return StaticSite(tmp_path / "pages")


def always(files: Files) -> Callable[[], Awaitable[Files]]:
    async def make() -> Files:
        return files

    return make


def content_of(site: StaticSite) -> dict[str, bytes]:
    return {
        path.relative_to(site.folder).as_posix(): path.read_bytes() for path in site.folder.rglob("*") if path.is_file()
    }


def test_without_a_folder_there_is_no_site() -> None:
    assert new_site(make_settings()) is None


async def test_a_reader_sees_the_old_file_or_the_new_one(site: StaticSite) -> None:
    contents = [letter * 1_000_000 for letter in (b"a", b"b")]
    await site.keep(always({"_headers": b"", "page.html": contents[0]}))
    ended = Event()

    def read() -> set[bytes]:
        seen: set[bytes] = set()
        while not ended.is_set():
            seen.add((site.folder / "page.html").read_bytes())
        return seen

    with ThreadPoolExecutor() as reader:
        reading = reader.submit(read)
        try:
            for turn in range(50):
                await site.keep(always({"page.html": contents[turn % 2]}))
        finally:
            ended.set()
        assert reading.result() <= set(contents)
    assert {path for path in content_of(site) if path.startswith(".")} == set()


async def test_a_file_with_the_same_content_is_left_alone(site: StaticSite) -> None:
    assert await site.keep(always({"_headers": b"", "a.html": b"a", "b.html": b"b"})) == {
        "_headers": True,
        "a.html": True,
        "b.html": True,
    }
    for name in ("a.html", "b.html"):
        os.utime(site.folder / name, ns=(0, 0))
    assert await site.keep(always({"a.html": b"a", "b.html": b"B"})) == {"a.html": False, "b.html": True}
    assert (site.folder / "a.html").stat().st_mtime_ns == 0
    assert (site.folder / "b.html").stat().st_mtime_ns > 0


async def test_a_file_is_made_again_until_what_it_is_made_of_no_longer_changes(site: StaticSite) -> None:
    versions = iter([b"old", b"newer", b"newest", b"newest"])

    async def make() -> Files:
        return {"_headers": b"", "page.html": next(versions)}

    await site.keep(make)
    assert content_of(site)["page.html"] == b"newest"
    assert next(versions, None) is None


async def test_a_file_too_large_for_one_packet_has_compressed_siblings(site: StaticSite) -> None:
    await site.keep(always({"_headers": b"", "large.html": PROSE, "small.html": PROSE[:1000]}))
    files = content_of(site)
    assert set(files) == {"_headers", "large.html", "large.html.gz", "large.html.zst", "small.html"}
    assert gzip.decompress(files["large.html.gz"]) == zstd.decompress(files["large.html.zst"]) == PROSE
    assert await site.keep(always({"large.html": PROSE})) == {"large.html": False}


async def test_siblings_go_with_their_file_and_with_its_size(site: StaticSite) -> None:
    await site.keep(always({"_headers": b"", "books/1.html": PROSE, "books/2.html": PROSE}))
    assert await site.paths("books") == {"books/1.html", "books/2.html"}
    await site.remove({"books/1.html", "books/never.html"})
    await site.keep(always({"books/2.html": b"Short."}))
    assert content_of(site) == {"_headers": b"", "books/2.html": b"Short."}


async def test_a_sibling_that_another_writer_left_is_put_right(site: StaticSite) -> None:
    await site.keep(always({"_headers": b"", "page.html": PROSE}))
    (site.folder / "page.html.gz").write_bytes(gzip.compress(b"something else"))
    assert await site.keep(always({"page.html": PROSE})) == {"page.html": True}
    assert gzip.decompress(content_of(site)["page.html.gz"]) == PROSE


async def test_a_folder_with_other_files_is_left_alone(site: StaticSite) -> None:
    site.folder.mkdir()
    (site.folder / "letter.txt").write_bytes(b"Dear Ada")
    with pytest.raises(SettingsError, match="where other files are"):
        await site.keep(always({"_headers": b"", "letter.txt": b"mine"}))
    assert content_of(site) == {"letter.txt": b"Dear Ada"}


async def test_hidden_files_stay_where_they_are(site: StaticSite) -> None:
    site.folder.mkdir()
    (site.folder / ".gitkeep").write_bytes(b"")
    await site.keep(always({"_headers": b""}))
    assert content_of(site) == {".gitkeep": b"", "_headers": b""}


async def test_a_folder_that_can_not_be_made_is_a_setting_that_is_wrong(site: StaticSite) -> None:
    site.folder.write_bytes(b"a file")
    with pytest.raises(SettingsError, match="PAGES_DIR can't be used"):
        await site.keep(always({"_headers": b""}))


def test_the_name_of_an_asset_changes_with_its_content() -> None:
    assert asset("style.css", b"a") == asset("style.css", b"a") != asset("style.css", b"b")
    assert asset("style.css", b"a").startswith("assets/style.")


def test_assets_are_kept_for_ever_and_pages_for_a_minute() -> None:
    assert headers("/books/*", policy="default-src 'self'").decode() == (
        "/*\n"
        "  Content-Security-Policy: default-src 'self'\n"
        "  Referrer-Policy: no-referrer\n"
        "  X-Content-Type-Options: nosniff\n"
        "/books/*\n"
        "  Cache-Control: public, max-age=60, stale-while-revalidate=86400\n"
        "/assets/*\n"
        "  Cache-Control: public, max-age=31536000, immutable\n"
    )
