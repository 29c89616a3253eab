"""What a request asks, by the draft GraphQL over HTTP: one operation, in the query of a GET or the body of a POST."""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from app.kit.graphql.refusals import Refused


class PersistedQuery(msgspec.Struct, rename="camel"):
    """The name of a document that the server knows."""

    version: int
    sha256_hash: str


class Extensions(msgspec.Struct, rename="camel"):
    """What else a request says."""

    persisted_query: PersistedQuery | None = None


class GraphqlRequest(msgspec.Struct, rename="camel"):
    """One operation to execute."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: Extensions | None = None

    @property
    def hash(self) -> str:
        """The name of the persisted document that it asks for; empty where it asks for none."""
        if self.extensions is None or self.extensions.persisted_query is None:
            return ""
        return self.extensions.persisted_query.sha256_hash


BODY = msgspec.json.Decoder(GraphqlRequest)
VARIABLES = msgspec.json.Decoder(dict[str, Any] | None)
EXTENSIONS = msgspec.json.Decoder(Extensions | None)


def from_body(body: bytes) -> GraphqlRequest:
    """Return the request in the body of a POST; raise Refused where it is none."""
    if body.lstrip().startswith(b"["):
        raise Refused("BAD_REQUEST", ["Batching is off: send one operation a request."])
    try:
        return BODY.decode(body)
    except RecursionError:
        raise Refused("BAD_REQUEST", ["The body is nested too deeply."]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("BAD_REQUEST", [f"The body is no GraphQL request in JSON: {error}."]) from None


def from_query(query: bytes) -> GraphqlRequest:
    """Return the request in the query of a GET; raise Refused where it is none."""
    try:
        given = {name: values[-1] for name, values in parse_qs(query.decode(), errors="strict").items()}
        return GraphqlRequest(
            query=given.get("query"),
            operation_name=given.get("operationName"),
            variables=VARIABLES.decode(given["variables"]) if "variables" in given else None,
            extensions=EXTENSIONS.decode(given["extensions"]) if "extensions" in given else None,
        )
    except RecursionError:
        raise Refused("BAD_REQUEST", ["The variables are nested too deeply."]) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Refused("BAD_REQUEST", [f"The address holds no GraphQL request: {error}."]) from None
