"""`carbon.txt`: where the sustainability data of whoever runs this is published, for machines to find."""

import asyncio
import sys
import tomllib
from pathlib import Path

from litestar import MediaType, Response, get

from app.kit.errors import NotFound

FILE = Path("carbon.txt")
PLACEHOLDER = "example.org"
WHAT_TO_DO = {
    "doc_type": "say what kind of document it is",
    "url": "write the address of your report, policy or page",
    "domain": "write the domain that it speaks for, or whose services you use",
}


@get("/.well-known/carbon.txt", include_in_schema=False, media_type=MediaType.TEXT)
async def carbon_txt() -> Response[bytes]:
    """Return the file; raise NotFound where it has been removed."""
    try:
        return Response(await asyncio.to_thread(FILE.read_bytes))
    except FileNotFoundError:
        raise NotFound("file", FILE.name) from None


def placeholders(text: str) -> list[str]:
    """Return a line for each value of a carbon.txt that is still a placeholder; raise TOMLDecodeError."""
    return [
        f"{FILE}: {where} is still a placeholder ({value}): {WHAT_TO_DO.get(where.rpartition('.')[2], 'replace it')}"
        for where, value in _values(tomllib.loads(text), "")
        if PLACEHOLDER in value
    ]


def _values(node: object, where: str) -> list[tuple[str, str]]:
    match node:
        case dict():
            children = [(f"{where}.{name}".lstrip("."), child) for name, child in node.items()]
        case list():
            children = [(f"{where}[{number}]", child) for number, child in enumerate(node)]
        case _:
            return [(where, str(node))]
    return [found for name, child in children for found in _values(child, name)]


def main() -> None:
    """Say what is still to be written, which is no failure; exit with status 1 where the file is no TOML."""
    if FILE.exists():
        try:
            lines = placeholders(FILE.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            sys.exit(f"error: {FILE} is not TOML: {error}")
        sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
