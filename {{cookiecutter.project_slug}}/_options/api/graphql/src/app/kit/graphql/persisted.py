"""Persisted queries: the operations that the project itself brings along, known by the SHA-256 of their text."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlencode

import msgspec
from litestar.types import HTTPScope

from app.kit.graphql.documents import Documents, Operation
from app.kit.graphql.refusals import Refused
from app.kit.graphql.requests import GraphqlRequest, from_query
from app.kit.http_cache import Kept
from app.kit.logs import cost
from graphql import GraphQLSchema

PATH = "/graphql"
ADDRESSES = 1024
"""Of how many addresses it is remembered how their answers are kept; those asked for again and again stay."""


class BadOperation(Exception):
    """A file of operations can't be used; the message names it."""


class _Known(NamedTuple):
    name: str
    kept: Kept | None


class Persisted:
    """The registry, and the cache's policy for what is asked by it."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, folders: Sequence[Path]) -> None:
        """Take where the files are, each with one operation: `<folder>/*.graphql`."""
        self._schema = schema
        self._documents = documents
        self._folders = folders
        self._operations: dict[str, Operation] = {}
        self._known = lru_cache(ADDRESSES)(self._look_up)

    def read(self) -> None:
        """Read the files; raise BadOperation for one that holds no valid, named operation of its own."""
        names: set[str] = set()
        for path in (path for folder in self._folders for path in sorted(folder.glob("*.graphql"))):
            text = path.read_text(encoding="utf-8")
            try:
                operation = self._documents.operation(text, None)
            except Refused as error:
                raise BadOperation(f"{path} is no operation of this schema: {error.errors[0]['message']}") from None
            if not operation.name or operation.name in names:
                raise BadOperation(f"{path} must have an operation with a name that no other file's has")
            names.add(operation.name)
            self._operations[digest(text)] = operation

    def find(self, request: GraphqlRequest) -> Operation | None:
        """Return the operation that `request` asks for by its hash, or else by its text; None where it is not here."""
        if request.query and not request.hash:
            return self._operations.get(digest(request.query))
        return self._operations.get(request.hash)

    def __deepcopy__(self, _memo: object) -> Self:
        """Stay the one that there is: Litestar copies a handler with all it carries."""
        return self

    def of(self, scope: HTTPScope) -> Kept | None:
        """Return how the answer to this GET is kept; None where it is not public, or not persisted."""
        name, kept = self._known(scope["query_string"])
        if (spent := cost.get()) is not None:
            spent.operation = name
        return kept

    def _look_up(self, query: bytes) -> _Known:
        try:
            request = from_query(query)
        except Refused:
            return _Known("", None)
        operation = self._operations.get(request.hash)
        if operation is None:
            return _Known("", None)
        return _Known(operation.name, operation.kept(self._schema, request.hash, request.variables or {}))


def address_of(text: str, **variables: object) -> str:
    """Return where the answer to a persisted query is found, given its text."""
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}
    given = {"variables": variables, "extensions": extensions} if variables else {"extensions": extensions}
    return f"{PATH}?{urlencode({name: msgspec.json.encode(value) for name, value in given.items()})}"


def digest(text: str) -> str:
    """Return the name of a document: the SHA-256 of its text."""
    return sha256(text.encode()).hexdigest()
