"""From what an operation selects to what the database is asked for, by the `Source` that sparse fields use too."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import strawberry
from msgspec import Struct
from strawberry.utils.str_converters import to_snake_case

from app.kit.fields import ALL, Fields, choose, names_of
from app.kit.graphql.engine import Context
from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

Info: TypeAlias = strawberry.Info[Context, None]

PAGE = ("nodes", "edges.node")
"""Where a connection holds its items."""
CURSORS = ("edges.cursor", "page_info.start_cursor", "page_info.end_cursor")


def chosen(info: Info, view: type[Struct], *, also: str = "") -> Fields:
    """Return the fields of `view` that the current field selects.

    The key is among them where `also`, a field that needs it, is selected.
    """
    return _choose(info, view, _paths_of(info), also)


def chosen_of_page(info: Info, view: type[Struct], *, also: str = "") -> Fields:
    """Return the fields of `view` that the current field selects of its connection's nodes.

    The key is among them where a cursor or `also`, a field of the nodes that needs it, is selected.
    """
    paths = _paths_of(info)
    inside = {path.removeprefix(f"{place}.") for place in PAGE for path in paths if path.startswith(f"{place}.")}
    if paths.intersection(CURSORS):
        inside.add("id")
    return _choose(info, view, inside, also)


def _choose(info: Info, view: type[Struct], paths: set[str], also: str) -> Fields:
    if not info.context.chooses:
        return ALL
    known = names_of(view)
    asked = [path for path in paths if path in known]
    if also and any(path.startswith(f"{also}.") for path in paths):
        asked.append("id")
    # Nothing but `__typename`: whether there is a row at all.
    return choose(view, asked or ["id"])


def _paths_of(info: Info) -> set[str]:
    raw = info._raw_info  # noqa: SLF001 - what Strawberry makes of it takes ten times as long
    return set(_paths(raw, raw.field_nodes))


def _paths(info: GraphQLResolveInfo, nodes: Sequence[FieldNode], prefix: str = "") -> Iterator[str]:
    """Yield the innermost fields below `nodes`, by their names in Python, with dots between."""
    for node in _fields(info, [node.selection_set for node in nodes]):
        name = f"{prefix}{to_snake_case(node.name.value)}"
        if node.selection_set is None:
            yield name
        else:
            yield from _paths(info, [node], f"{name}.")


def _fields(info: GraphQLResolveInfo, sets: Sequence[Any]) -> Iterator[FieldNode]:
    for selected in sets:
        for node in selected.selections if selected else ():
            if node.directives and not _is_included(node.directives, info.variable_values):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from _fields(info, [node.selection_set])
            elif isinstance(node, FragmentSpreadNode):
                yield from _fields(info, [info.fragments[node.name.value].selection_set])


# Strawberry's `info` has the variables as a mapping, which graphql-core's own has not.
def _is_included(directives: Sequence[Any], variables: Any) -> bool:  # noqa: ANN401
    for directive in directives:
        if directive.name.value in {GraphQLSkipDirective.name, GraphQLIncludeDirective.name}:
            value = directive.arguments[0].value
            condition = variables.get(value.name.value, True) if hasattr(value, "name") else value.value
            if condition is (directive.name.value == GraphQLSkipDirective.name):
                return False
    return True
