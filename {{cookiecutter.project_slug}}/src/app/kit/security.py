"""Who may call: one bearer token guards the writes and everything private."""

import secrets
from typing import Any, TypedDict

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Guard

SCHEME = "token"
COMPONENTS = Components(
    security_schemes={
        SCHEME: SecurityScheme(type="http", scheme="bearer", description="The API_TOKEN of the file `.env`.")
    }
)


async def token(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Let a request pass that carries `Authorization: Bearer <API_TOKEN>`; raise NotAuthorizedException (401) else."""
    if not is_bearer(connection.headers.get("authorization", ""), connection.app.state.settings.api_token):
        raise NotAuthorizedException(
            "This operation needs the header `Authorization: Bearer <token>`; the token is API_TOKEN in .env.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def is_bearer(authorization: str, expected: str) -> bool:
    """Return whether the header `authorization` bears the token `expected`."""
    scheme, _, given = authorization.partition(" ")
    # Compared as bytes and in constant time, so that the answer's delay tells nothing about the token.
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), expected.encode())


class Guarded(TypedDict):
    """The arguments of a route handler that only a bearer of the token may call."""

    guards: list[Guard]
    security: list[dict[str, list[str]]]


NEEDS_TOKEN: Guarded = {"guards": [token], "security": [{SCHEME: []}]}
