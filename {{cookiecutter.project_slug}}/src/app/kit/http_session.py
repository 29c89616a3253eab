"""The session of aiohttp's in which calls to one other system are made."""

from collections.abc import Mapping

import aiohttp


def new_session(
    connect_seconds: float, total_seconds: float, calls: int, headers: Mapping[str, str]
) -> aiohttp.ClientSession:
    """Return a session of at most so many connections, whose calls carry `headers` and may take so long each."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=total_seconds, sock_connect=connect_seconds),
        connector=aiohttp.TCPConnector(limit=calls),
        headers={"Accept": "application/json", **headers},
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send `request`, and not again when the other side hangs up, as aiohttp does: breaker and retries must know."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(str(error) or type(error).__name__) from error
