"""The engine: from a request to what GraphQL answers, and what that may cost."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import strawberry
from strawberry.dataloader import DataLoader

from app.kit.database import Read, Write
from app.kit.graphql.documents import Documents, Operation
from app.kit.graphql.executor import Executor
from app.kit.graphql.limits import MAX_COST
from app.kit.graphql.persisted import Persisted
from app.kit.graphql.refusals import FAULT, Refused, told
from app.kit.graphql.requests import GraphqlRequest
from app.kit.graphql.schema import core
from app.kit.graphql.settings import GraphqlSettings
from app.kit.logs import cost
from app.kit.throttle import charge
from graphql import execute

FIELDS_A_REQUEST = 1000
"""How many fields of an answer count as one request to the throttle."""
MAX_NAME = 50


class Context:
    """What the resolvers of one operation share."""

    def __init__(self, read: Read, write: Write, *, chooses: bool) -> None:
        """Take the database, and whether queries are to read what is selected only."""
        self.read = read
        self.write = write
        self.chooses = chooses
        self._loaders: dict[Any, DataLoader[Any, Any]] = {}

    def loader(self, key: object, load: Callable[[list[Any]], Any]) -> DataLoader[Any, Any]:
        """Return the loader with this key, which asks `load` once for all that is asked of it at a time."""
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load)
        return self._loaders[key]


class Outcome(msgspec.Struct):
    """What became of an operation."""

    data: Any
    errors: list[dict[str, Any]]

    @property
    def status(self) -> int:
        """The status of the answer: 500 where something of ours failed, however little."""
        ours = any(error["extensions"] == FAULT["extensions"] for error in self.errors)
        return HTTPStatus.INTERNAL_SERVER_ERROR if ours else HTTPStatus.OK

    def encoded(self) -> bytes:
        """Return the body of the answer."""
        errors = {"errors": self.errors} if self.errors else {}
        return msgspec.json.encode({**errors, "data": self.data})


class Engine:
    """Executes the operations of one schema."""

    def __init__(self, schema: strawberry.Schema, folders: Sequence[Path], settings: GraphqlSettings) -> None:
        """Take the schema, where the persisted operations are, and the settings."""
        self.schema = core(schema)
        self._settings = settings
        self._documents = Documents(self.schema, explore=settings.graphql_explore)
        self.persisted = Persisted(self.schema, self._documents, folders)

    def operation(self, request: GraphqlRequest) -> Operation:
        """Return the operation that `request` asks for; raise Refused."""
        operation = self.persisted.find(request)
        if operation is None and request.hash and not request.query:
            raise Refused("PERSISTED_QUERY_NOT_FOUND", ["PersistedQueryNotFound"])
        if operation is None and self._settings.graphql_persisted_only:
            raise Refused("PERSISTED_QUERY_ONLY", ["Only persisted queries are answered here."])
        if operation is None and not request.query:
            raise Refused("BAD_REQUEST", ["The request has no `query`."])
        if operation is None:
            operation = self._documents.operation(request.query or "", request.operation_name)
        if (spent := cost.get()) is not None:
            spent.operation = operation.name[:MAX_NAME]
        return operation

    async def execute(self, operation: Operation, variables: Mapping[str, Any], context: Context) -> Outcome:
        """Return what the answer to `operation` says; raise Refused where it costs too much."""
        fields = operation.price.of({**operation.defaults, **variables})
        if fields > MAX_COST:
            raise Refused(
                "TOO_LARGE", [f"The answer may hold {fields} fields, and the limit is {MAX_COST}: ask for less."]
            )
        await charge(math.ceil(fields / FIELDS_A_REQUEST))
        result = execute(
            self.schema,
            operation.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name or None,
            executor_class=Executor,
            hide_suggestions=not self._settings.graphql_explore,
        )
        if inspect.isawaitable(result):
            result = await result
        errors = result.errors or []
        if result.data is None and all(error.path is None for error in errors):
            raise Refused("BAD_USER_INPUT", errors)  # no field was resolved: the variables are wrong
        return Outcome(result.data, [told(error) for error in errors])
