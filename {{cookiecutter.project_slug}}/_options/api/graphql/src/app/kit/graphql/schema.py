"""What is known of a schema: its fields, and who may keep what those of its roots answer."""

from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from app.kit.http_cache import Public
from graphql import GraphQLField, GraphQLSchema

CACHED = "cached"
"""In the metadata of a field of Query: the `Public` that says how long, and until which writes, its answer holds.

What says nothing is for bearers of the token only, and kept by nobody."""


def core(schema: strawberry.Schema) -> GraphQLSchema:
    """Return the schema as graphql-core knows it."""
    return schema._schema  # noqa: SLF001 - Strawberry has no other name for it


def definition(field: GraphQLField) -> StrawberryField:
    """Return what Strawberry knows of a field of one of its own types."""
    return field.extensions["strawberry-definition"]


def public(root: Any, name: str) -> Public | None:  # noqa: ANN401 - graphql-core's own type is optional everywhere
    """Return who may keep what the field `name` of a root answers; None where it is for bearers of the token only."""
    return definition(root.fields[name]).metadata.get(CACHED)
