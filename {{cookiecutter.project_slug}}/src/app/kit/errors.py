"""Errors as problem details (RFC 9457): one shape for every failure, whoever raised it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.types import ExceptionHandlersMap, Send

from app.kit.outage import outage

log = structlog.get_logger()

RETRY_SECONDS = 5
# As RFC 9110 names them; Python does so from 3.13 on.
TITLES = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


class NotFound(Exception):
    """There is no such thing: 404."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"There is no {what} {key}.")


class Conflict(Exception):
    """The request is sound, but what is stored doesn't allow it: 409. The message says what to do."""


class InvalidField(msgspec.Struct):
    """One part of the request that is wrong, and how."""

    field: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The body of an error answer, as RFC 9457 lays it out; `title` is the status in words."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[InvalidField] = []


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI description of the error answers that an operation may give."""
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            examples=[Example(value=_example(status))],
            description=_title(status),
            media_type="application/problem+json",  # type: ignore[arg-type]
        )
        for status in statuses
    }


def _example(status: int) -> dict[str, Any]:
    example = {"title": _title(status), "status": status, "detail": "What was wrong, and what to do."}
    if status == HTTPStatus.BAD_REQUEST:
        example["errors"] = [{"field": "limit", "message": "Expected `int` <= 100"}]
    return example


def problem_response(
    status: int, detail: str, *, errors: list[InvalidField] | None = None, headers: Mapping[str, str] | None = None
) -> Response[Problem]:
    """Return an answer of `status` that says `detail`, and which parts of the request were wrong."""
    return Response(
        Problem(title=_title(status), status=status, detail=detail, errors=errors or []),
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


async def send_problem(send: Send, status: int, detail: str, headers: Mapping[str, str]) -> None:
    """Answer `status` with `detail` where no handler is at work: outside of Litestar."""
    body = msgspec.json.encode(Problem(title=_title(status), status=status, detail=detail))
    given = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _title(status: int) -> str:
    return TITLES.get(status) or HTTPStatus(status).phrase


def _http(_request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [_invalid_field(item) for item in extra if isinstance(item, dict)]
    status = HTTPStatus(error.status_code)
    if fields:
        detail = "The request is not valid."
    else:
        detail = status.description if error.detail in {"", status.phrase} else error.detail
    return problem_response(status, detail, errors=fields, headers=error.headers)


def _invalid_field(item: dict[str, Any]) -> InvalidField:
    field, message = str(item.get("key", "body")), str(item["message"])
    if field == "data":  # Litestar's name for the body as a whole
        return InvalidField("body", "The body is missing." if message == "'data'" else message)
    return InvalidField(field, message)


def _not_found(_request: Request[Any, Any, Any], error: NotFound) -> Response[Problem]:
    return problem_response(HTTPStatus.NOT_FOUND, str(error))


def _conflict(_request: Request[Any, Any, Any], error: Conflict) -> Response[Problem]:
    return problem_response(HTTPStatus.CONFLICT, str(error))


def _too_large(request: Request[Any, Any, Any], _error: RequestEntityTooLarge) -> Response[Problem]:
    limit = request.route_handler.resolve_request_max_body_size() or 0
    return problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {limit // 1024} KiB.")


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    if reason := outage(error):
        log.error("database unavailable", method=request.method, path=request.url.path, reason=reason)
        detail = f"The database can't serve this now: try again in {RETRY_SECONDS} s."
        return problem_response(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side; it has been logged.")


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    HTTPException: _http,
    RequestEntityTooLarge: _too_large,
    NotFound: _not_found,
    Conflict: _conflict,
    Exception: _unexpected,
}
