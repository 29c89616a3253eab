"""A PostgreSQL that can be frozen: as a client sees it, through a relay that holds back what passes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import make_url


@asynccontextmanager
async def relayed(url: str) -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """Yield an address that leads to the PostgreSQL at `url` by a relay, and the event without which nothing passes."""
    address = make_url(url)
    passes = asyncio.Event()
    passes.set()
    relays: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            await passes.wait()
            writer.write(content)
        writer.close()

    async def relay(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if folder := address.query.get("host"):
            server, to_server = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{address.port or 5432}")
        else:
            server, to_server = await asyncio.open_connection(address.host, address.port or 5432)
        for flow in (pump(client, to_server), pump(server, to_client)):
            relays.add(asyncio.create_task(flow))

    listener = await asyncio.start_server(relay, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    own = address.difference_update_query(["host"]).set(host=host, port=port)
    yield own.render_as_string(hide_password=False), passes
    listener.close()
    for task in relays:
        task.cancel()
    await asyncio.gather(*relays, return_exceptions=True)
