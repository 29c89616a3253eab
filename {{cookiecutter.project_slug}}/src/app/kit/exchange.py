"""HTTP as a client: aiohttp, imported only by who calls others, since it is 8 MB and a tenth of a second of CPU."""

from collections.abc import Mapping
from typing import Any

import aiohttp

CHUNK_BYTES = 16 * 1024


class Exchange:
    """Asks one address; keeps its connections. Opens none before the first request."""

    def __init__(
        self, *, connect_seconds: float, total_seconds: float, connections: int, headers: Mapping[str, str]
    ) -> None:
        """Take the bounds of each request, how many connections there may be, and what each request carries."""
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, sock_connect=connect_seconds)
        self._connections = connections
        self._headers = {"Accept": "application/json", **headers}
        self._session: aiohttp.ClientSession | None = None

    async def request(self, method: str, url: str, most_bytes: int, **sent: Any) -> tuple[int, bytes]:  # noqa: ANN401
        """Return status and body, of which no more is read than some bytes beyond `most_bytes`; `sent` is aiohttp's.

        Raises TimeoutError, and ConnectionError for any other answer that didn't come.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=self._connections),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_once,),
            )
        try:
            # A redirect would carry the token of this system to another one.
            async with self._session.request(method, url, allow_redirects=False, **sent) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > most_bytes:
                        break
                return response.status, bytes(body)
        except TimeoutError:
            raise
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send `request`, and not again when the other side hangs up, as aiohttp does: breaker and retries must know."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(str(error) or type(error).__name__) from error
