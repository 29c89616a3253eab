"""Execution: what has no resolver of its own is written out by compiled code, and not field by field.

graphql-core calls some ten functions for each field of each object. Most fields here are attributes of what a query
returned, so all objects of one selection are made by one expression: `{"title": book.title, ...}`. Wherever that
doesn't do, be it a resolver, a union, or a null where none may be, graphql-core takes over with its own errors.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.kit.graphql.schema import definition
from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path

SHAPES = 512
"""How many compiled selections are kept; those that are asked for again and again stay."""
AS_THEY_ARE = {"Boolean", "Int", "String"}

Shape: TypeAlias = tuple[tuple[str, str, "Shape | None"], ...]
"""A selection: each field's name in the answer, its own name, and what is selected of it."""


class NotPlain(Exception):
    """A null where none may be."""


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation."""

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo,
        path: Path,
        result: Any,  # noqa: ANN401 - whatever a query returned
        position_context: Any,  # noqa: ANN401 - what belongs to @defer, which is off
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Return what the answer says of `result`."""
        # The types of the schema itself are graphql-core's own, with resolvers for all.
        shape = None if is_introspection_type(return_type) else self._shape(return_type, field_details_list)
        if shape is not None:
            try:
                return _writer(return_type, shape)(result)
            except NotPlain:
                pass
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def _shape(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Shape | None:
        """Return what is selected of objects of `kind`, or None where a field of it is more than an attribute."""
        shape: list[tuple[str, str, Shape | None]] = []
        for key, inner in self.collect_subfields(kind, details).grouped_field_set.items():
            name = inner[0].node.name.value
            below = None
            if name != "__typename":
                field = kind.fields[name]
                named = get_named_type(field.type)
                if not _is_attribute(field):
                    return None
                if is_object_type(named):
                    below = self._shape(named, inner)
                    if below is None:
                        return None
                elif not is_leaf_type(named):
                    return None
            shape.append((key, name, below))
        return tuple(shape)


def _is_attribute(field: GraphQLField) -> bool:
    return definition(field).is_basic_field


@lru_cache(SHAPES)
def _writer(kind: GraphQLObjectType, shape: Shape) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes of an object of `kind` what the answer says of it."""
    scope: dict[str, Any] = {"need": _need}
    names = (f"v{number}" for number in count())

    def constant(value: object) -> str:
        name = next(names)
        scope[name] = value
        return name

    def written(kind: GraphQLObjectType, shape: Shape, source: str) -> str:
        parts: list[str] = []
        for key, name, below in shape:
            if name == "__typename":
                value = constant(kind.name)
            else:
                field = kind.fields[name]
                attribute = f"{source}.{definition(field).python_name}"
                value = completed(field.type, attribute, below)
            parts.append(f"{constant(key)}: {value}")
        return f"{{{', '.join(parts)}}}"

    def completed(kind: GraphQLOutputType, value: str, below: Shape | None) -> str:
        needed = is_non_null_type(kind)
        inner: Any = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if is_leaf_type(inner) and inner.name in AS_THEY_ARE:
            return f"need({value})" if needed else value
        name = next(names)
        if is_list_type(inner):
            item = next(names)
            there = f"[{completed(inner.of_type, item, below)} for {item} in {name}]"
        elif below is not None:
            there = written(inner, below, name)
        else:
            there = f"{constant(inner.coerce_output_value)}({name})"
        return f"({there} if ({name} := {value}) is not None else {'need(None)' if needed else None})"

    # All of the text comes from the schema: names that a request chose are constants in its scope.
    return eval(f"lambda source: {written(kind, shape, 'source')}", scope)  # noqa: S307


def _need(value: Any) -> Any:  # noqa: ANN401
    if value is None:
        raise NotPlain
    return value
