"""Why a request is refused, and what a client is told of an error."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from app.kit.outage import outage
from graphql import GraphQLError

log = structlog.get_logger()

FAULT: dict[str, Any] = {
    "message": "Something went wrong on our side; it has been logged.",
    "extensions": {"code": "INTERNAL"},
}


class Refused(Exception):
    """A request is not executed; GraphQL's errors say why."""

    def __init__(
        self,
        code: str,
        errors: Iterable[GraphQLError | str],
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take a code for programs, sentences for people, and what HTTP says of it."""
        super().__init__(code)
        self.errors = [_formatted(error, code) for error in errors]
        self.status = status
        self.headers = dict(headers or {})


def told(error: GraphQLError) -> dict[str, Any]:
    """Return what a client is told of an error of the execution: all of its own mistakes, nothing of ours.

    GraphQL's own errors, such as a variable of the wrong type, have no cause, or one of their own kind; whatever else
    a resolver raised is logged and not told. Raises what means that the database can't serve, as any handler would.
    """
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return _formatted(error, "BAD_USER_INPUT")
    if outage(cause):
        raise cause
    log.error("request failed", path=error.path, exc_info=cause)
    return {**FAULT, "path": error.path}


def _formatted(error: GraphQLError | str, code: str) -> dict[str, Any]:
    if isinstance(error, str):
        return {"message": error, "extensions": {"code": code}}
    formatted: dict[str, Any] = dict(error.formatted)
    return {**formatted, "extensions": {"code": code, **(error.extensions or {})}}
