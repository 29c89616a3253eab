"""Lists in pages, as Relay's specification of cursor connections has them, forward only."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
import strawberry

from app.kit.graphql.limits import MAX_PAGE
from app.kit.schemas import MAX_INTEGER
from graphql import GraphQLError

Node = TypeVar("Node")
View = TypeVar("View")

First: TypeAlias = Annotated[
    int, strawberry.argument(description=f"How many a page holds at the most: 1 to {MAX_PAGE}.")
]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The cursor that the page begins after; without it, the first page.")
]


@strawberry.federation.type(shareable=True, description="Where a page lies in its list.")
class PageInfo:
    """As Relay has it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="An item of a page.")
class Edge(Generic[Node]):
    """As Relay has it."""

    cursor: str
    node: Node


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    """As Relay has it, and the nodes without their edges."""

    edges: list[Edge[Node]]
    nodes: list[Node]
    page_info: PageInfo


class Page(Generic[View]):
    """What a `Connection` is resolved from: an object with the same attributes, each made when it is asked for."""

    def __init__(self, items: Sequence[Any], after: int, *, more: bool) -> None:
        """Take views with an `id`, the key that they follow, and whether more follow them."""
        self.nodes = items
        self.has_next_page = more
        self.has_previous_page = after > 0

    @property
    def edges(self) -> list["_Edge"]:
        """The nodes, each with its cursor."""
        return [_Edge(node) for node in self.nodes]

    @property
    def page_info(self) -> "Page[View]":
        """Where the page lies."""
        return self

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first node."""
        return cursor(self.nodes[0].id) if self.nodes else None

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the last node."""
        return cursor(self.nodes[-1].id) if self.nodes else None


class _Edge(msgspec.Struct, gc=False):
    node: Any

    @property
    def cursor(self) -> str:
        return cursor(self.node.id)


def cursor(key: int) -> str:
    """Return the opaque name of the place right after the row with `key`."""
    return base64.urlsafe_b64encode(b"after:%d" % key).decode()


def bounds(first: int, after: str | None) -> tuple[int, int]:
    """Return the size of a page and the key that it follows; raise GraphQLError where there is no such page."""
    if not 1 <= first <= MAX_PAGE:
        raise GraphQLError(f"`first` is {first}: a page holds 1 to {MAX_PAGE}.")
    return first, 0 if after is None else _key(after)


def number(given: str) -> int:
    """Return the key that an ID stands for, 0 where it can be none; a key has one ID only, by which it is cached."""
    key = int(given) if given.isascii() and given.isdigit() and len(given) <= len(str(MAX_INTEGER)) else 0
    return key if str(key) == given and key <= MAX_INTEGER else 0


def _key(after: str) -> int:
    try:
        prefix, _, text = base64.b64decode(after.encode(), b"-_", validate=True).partition(b":")
    except ValueError:
        prefix, text = b"", b""
    key = number(text.decode("latin-1"))
    if prefix != b"after" or key == 0:
        raise GraphQLError("`after` is no cursor: take it from `pageInfo` or an edge of the page before.")
    return key
