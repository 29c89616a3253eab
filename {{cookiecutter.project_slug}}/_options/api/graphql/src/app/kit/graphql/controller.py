"""The door: `/graphql`, which answers queries by GET and POST, and mutations by POST."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Self

import msgspec
import strawberry
from litestar import Controller, Response, get, post

from app.kit.graphql import graphiql
from app.kit.graphql.documents import JSON, MEDIA_TYPES, Operation
from app.kit.graphql.engine import Context, Engine
from app.kit.graphql.entities import Entity, new_schema
from app.kit.graphql.persisted import PATH
from app.kit.graphql.refusals import Refused
from app.kit.graphql.requests import GraphqlRequest, from_body, from_query
from app.kit.graphql.schema import core
from app.kit.graphql.settings import GraphqlSettings
from app.kit.module import Module, Part
from app.kit.negotiation import media_type
from app.kit.parameters import AnyRequest, Reads, Writes
from app.kit.security import is_bearer
from graphql import print_schema

NO_STORE = {"Cache-Control": "no-store"}


class GraphqlPart(Part):
    """A module's part of the schema."""

    path = PATH
    query: ClassVar[type]
    mutation: ClassVar[type]
    entities: ClassVar[Mapping[type, Entity]] = {}
    """What another service's schema may refer to by its `id`."""
    stand_ins: ClassVar[Mapping[type, str]] = {}
    """The types that are another module's, with the name that they have there."""
    operations: ClassVar[Path]
    """Where its persisted operations are."""

    @classmethod
    def whole(cls, parts: Sequence[type[Self]]) -> type[Controller]:
        """Return the controller of the one schema; raise BadOperation for a persisted operation that is none of it."""
        settings = GraphqlSettings.load()
        engine = Engine(_schema(parts), [part.operations for part in parts], settings)
        engine.persisted.read()
        return _controller(engine, graphiql.read() if settings.graphql_explore else "")


def sdl(modules: Sequence[Module]) -> str:
    """Return the schema of `modules` in GraphQL's own language, as clients see it: without a router's directives."""
    controllers = [controller for module in modules for controller in module.controllers]
    parts = [part for part in controllers if issubclass(part, GraphqlPart)]
    return print_schema(core(_schema(parts))) + "\n"


def _schema(parts: Sequence[type[GraphqlPart]]) -> strawberry.Schema:
    entities = {kind: entity for part in parts for kind, entity in part.entities.items()}
    stand_ins = {kind: name for part in parts for kind, name in part.stand_ins.items()}
    return new_schema([part.query for part in parts], [part.mutation for part in parts], entities, stand_ins)


def _controller(engine: Engine, page: str) -> type[Controller]:
    class Graphql(Controller):
        """GraphQL over HTTP."""

        path = PATH
        tags = ("graphql",)

        @get(cached=engine.persisted, summary="Query", response_description="What GraphQL answers.")
        async def query(self, request: AnyRequest, read: Reads, write: Writes) -> Response[bytes] | Response[str]:
            """Answer the operation in `query`, or the persisted one in `extensions`, with its `variables`."""
            if page and graphiql.is_asked_for(request):
                return graphiql.answer(page)
            query_string = request.scope["query_string"]
            return await _answer(engine, request, lambda: from_query(query_string), _context(request, read, write))

        @post(status_code=200, summary="Query or mutate", response_description="What GraphQL answers.")
        async def mutate(self, request: AnyRequest, read: Reads, write: Writes) -> Response[bytes]:
            """Answer the operation in the body, JSON with `query` or `extensions`, `variables` and `operationName`."""
            body = await request.body()
            return await _answer(engine, request, lambda: _from_body(request, body), _context(request, read, write))

    return Graphql


def _context(request: AnyRequest, read: Reads, write: Writes) -> Context:
    return Context(read, write, chooses="fields" not in request.app.state.settings.practices_off)


async def _answer(
    engine: Engine, request: AnyRequest, ask: Callable[[], GraphqlRequest], context: Context
) -> Response[bytes]:
    kind = media_type(request.headers.get("accept", ""), MEDIA_TYPES)
    try:
        asked = ask()
        operation = engine.operation(asked)
        _admit(operation, request)
        outcome = await engine.execute(operation, asked.variables or {}, context)
    except Refused as refusal:
        body = msgspec.json.encode({"errors": refusal.errors})
        # Who asks for plain JSON takes the status for that of the transport.
        status = HTTPStatus.OK if kind == JSON and refusal.status == HTTPStatus.BAD_REQUEST else refusal.status
        return Response(body, status_code=status, media_type=kind, headers={**NO_STORE, **refusal.headers})
    headers = NO_STORE if outcome.errors else {}
    return Response(outcome.encoded(), status_code=outcome.status, media_type=kind, headers=headers)


def _admit(operation: Operation, request: AnyRequest) -> None:
    if request.method == "GET" and not operation.is_query:
        sentence = "A GET only reads: send mutations by POST."
        raise Refused("BAD_REQUEST", [sentence], status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
    authorization = request.headers.get("authorization", "")
    if not operation.is_public and not is_bearer(authorization, request.app.state.settings.api_token):
        sentence = "This operation needs the header `Authorization: Bearer <token>`; the token is API_TOKEN in .env."
        wanted = {"WWW-Authenticate": "Bearer"}
        raise Refused("UNAUTHENTICATED", [sentence], status=HTTPStatus.UNAUTHORIZED, headers=wanted)


def _from_body(request: AnyRequest, body: bytes) -> GraphqlRequest:
    # A page of another site can send a form or plain text unasked, and JSON it can't.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Refused("BAD_REQUEST", [f"The body must be {JSON}."], status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return from_body(body)
