"""Limits: what a document may ask for, known from its text alone, before it is validated and anything is executed.

Validation itself takes time that grows with the square of what a document repeats, and an answer grows with the
product of its pages. So both are bounded first, through fragments too.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from app.kit.graphql.refusals import Refused
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

MAX_TOKENS = 1000
MAX_DEPTH = 9
"""Two deeper than the deepest path of the schema, `members/edges/node/loans/edges/node/book/title`."""
MAX_FIELDS = 200
MAX_ALIASES = 15
MAX_REPEATED = 20
"""How often, in all, a field may be asked for again where it stands already."""
MAX_DIRECTIVES = 20
MAX_FRAGMENTS = 20
MAX_OPERATIONS = 10
MAX_COST = 10_000
"""How many fields an answer may hold."""
MAX_PAGE = 100

PAGE = "first"
ENTITIES = "representations"
Times: TypeAlias = int | str
"""How many objects a page holds at the most: a number, or the name of the variable that says it or lists them."""


class Price(msgspec.Struct):
    """How many fields an answer holds: some once, others in each object of a page."""

    fields: int = 0
    pages: list[tuple[Times, "Price"]] = []

    def of(self, variables: Mapping[str, Any]) -> int:
        """Return the number of fields with these variables."""
        return self.fields + sum(_size(times, variables) * price.of(variables) for times, price in self.pages)


class Measure(msgspec.Struct):
    """What a selection asks for."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    repeated: int = 0
    directives: int = 0
    price: Price = msgspec.field(default_factory=Price)

    def add(self, other: "Measure") -> None:
        """Take `other` in, which stands beside what is there."""
        self.depth = max(self.depth, other.depth)
        self.fields += other.fields
        self.aliases += other.aliases
        self.repeated += other.repeated
        self.directives += other.directives
        self.price.fields += other.price.fields
        self.price.pages += other.price.pages


class Limits:
    """Measures the operations of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, *, explore: bool) -> None:
        """Take a document as it was parsed, nothing in it need be valid, and whether it may read the schema at length.

        Raises Refused for too many parts.
        """
        self._explore = explore
        fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        others = len(document.definitions) - len(fragments)
        if len(fragments) > MAX_FRAGMENTS or others > MAX_OPERATIONS:
            limits = f"the limits are {MAX_FRAGMENTS} and {MAX_OPERATIONS}"
            raise _refused(f"The document has {len(fragments)} fragments and {others} operations, and {limits}.")
        self._schema = schema
        self._fragments = {node.name.value: node for node in fragments}
        self._measured: dict[str, Measure] = {}
        self._open: set[str] = set()
        self._spreads = 0

    def price(self, operation: OperationDefinitionNode) -> Price:
        """Return what the answer to `operation` holds; raise Refused where it asks for too much."""
        asked = self._measure(operation.selection_set, Counter(), self._schema.get_root_type(operation.operation))
        asked.directives += len(operation.directives or ())
        bounds = (
            (asked.depth, MAX_DEPTH, "is {} levels deep"),
            (asked.fields, MAX_FIELDS, "has {} fields"),
            (asked.aliases, MAX_ALIASES, "has {} aliases"),
            (asked.repeated, MAX_REPEATED, "repeats {} fields"),
            (asked.directives, MAX_DIRECTIVES, "has {} directives"),
            (self._spreads, MAX_FRAGMENTS, "spreads {} fragments"),
        )
        for number, most, words in bounds:
            if number > most:
                raise _refused(f"The operation {words.format(number)}, and the limit is {most}.")
        return asked.price

    def _measure(self, selected: SelectionSetNode, names: Counter[str], kind: GraphQLNamedType | None) -> Measure:
        """Return what is `selected` of `kind`; `names` counts what stands in the same place."""
        total = Measure()
        for node in selected.selections:
            total.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                name = node.alias.value if node.alias else node.name.value
                names[name] += 1
                total.repeated += names[name] > 1
                total.add(self._field(node, kind))
            elif isinstance(node, InlineFragmentNode):
                total.add(self._measure(node.selection_set, names, self._kind(node) or kind))
            elif isinstance(node, FragmentSpreadNode):
                self._spreads += 1
                total.add(self._fragment(node.name.value))
        return total

    def _field(self, node: FieldNode, kind: GraphQLNamedType | None) -> Measure:
        asked = Measure(depth=1, fields=1, aliases=int(node.alias is not None), price=Price(1))
        if node.selection_set is None or (self._explore and node.name.value.startswith("__")):
            return asked
        field = kind.fields.get(node.name.value) if isinstance(kind, GraphQLObjectType) else None
        inner = self._measure(node.selection_set, Counter(), field and get_named_type(field.type))
        times = field and _times(node, field)
        if times is not None:
            inner.price = Price(0, [(times, inner.price)])
        inner.depth += 1
        asked.add(inner)
        return asked

    def _fragment(self, name: str) -> Measure:
        if name in self._open:
            raise _refused(f"The fragment {name} contains itself.")
        if name not in self._measured:
            fragment = self._fragments.get(name)
            if fragment is None:
                return Measure()  # validation will say so
            self._open.add(name)
            self._measured[name] = self._measure(fragment.selection_set, Counter(), self._kind(fragment))
            self._open.discard(name)
        known = self._measured[name]
        if known.fields > MAX_FIELDS:
            raise _refused(f"The fragment {name} has {known.fields} fields, and the limit is {MAX_FIELDS}.")
        return known

    def _kind(self, node: FragmentDefinitionNode | InlineFragmentNode) -> GraphQLNamedType | None:
        return self._schema.get_type(node.type_condition.name.value) if node.type_condition else None


def _times(node: FieldNode, field: GraphQLField) -> Times | None:
    """Return how many objects the page at `node` holds; None where it is no page."""
    name = next((name for name in (PAGE, ENTITIES) if name in field.args), None)
    if name is None:
        return None
    for argument in node.arguments or ():
        if argument.name.value == name:
            if isinstance(argument.value, VariableNode):
                return argument.value.name.value
            return int(argument.value.value[:9]) if isinstance(argument.value, IntValueNode) else MAX_PAGE
    return MAX_PAGE if name == ENTITIES else field.args[PAGE].default_value


def _size(times: Times, variables: Mapping[str, Any]) -> int:
    size = variables.get(times, MAX_PAGE) if isinstance(times, str) else times
    size = len(size) if isinstance(size, list) else size
    return size if isinstance(size, int) and size > 0 else MAX_PAGE


def _refused(sentence: str) -> Refused:
    return Refused("TOO_LARGE", [sentence])
