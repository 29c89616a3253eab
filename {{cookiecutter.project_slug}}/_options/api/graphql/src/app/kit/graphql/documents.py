"""Documents: parsed, measured and validated once, then kept with all that is known of their operations."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from app.kit.graphql.limits import MAX_TOKENS, Limits, Price
from app.kit.graphql.refusals import Refused
from app.kit.graphql.schema import public
from app.kit.http_cache import Kept, Public
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.validation import NoSchemaIntrospectionCustomRule

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
MEDIA_TYPES = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON}
"""What an answer can be (GraphQL over HTTP, draft of 2025): the first, unless a client asks for the second."""

CANONICAL = msgspec.json.Encoder(order="deterministic")
DOCUMENTS = 256
"""How many documents are kept; those that are asked for again and again stay."""
MAX_CHARACTERS = 10_000
MAX_ERRORS = 5


class Operation(msgspec.Struct, frozen=True):
    """One operation of a document that can be executed."""

    name: str
    node: OperationDefinitionNode
    document: DocumentNode
    price: Price
    defaults: Mapping[str, int]
    """The numbers that its variables are unless a request says otherwise."""
    fields: tuple[tuple[FieldNode, Public | None], ...]
    """What it asks of the root, each with who may keep that; None is for bearers of the token only."""

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation == OperationType.QUERY

    @property
    def is_public(self) -> bool:
        """Whether anybody may execute it."""
        return self.is_query and all(policy for _, policy in self.fields)

    def kept(self, schema: GraphQLSchema, place: str, variables: Mapping[str, Any]) -> Kept | None:
        """Return how the answer with these variables is kept, under `place`; None where it may not be."""
        policies = [policy for _, policy in self.fields if policy]
        root = schema.query_type
        values = get_variable_values(schema, self.node.variable_definitions or (), dict(variables))
        if not self.is_public or not policies or root is None or isinstance(values, list):
            return None
        tags: list[str] = []
        for node, policy in self.fields:
            try:
                arguments = get_argument_values(root.fields[node.name.value], node, values)
            except GraphQLError:
                return None
            tags += policy.tags_of(arguments) if policy else ()
        exactly = f"{place} {CANONICAL.encode(values.coerced).decode()}"
        return min(policies, key=lambda policy: policy.fresh).kept(exactly, tags, MEDIA_TYPES)


class Documents:
    """Turns texts into operations."""

    def __init__(self, schema: GraphQLSchema, *, explore: bool) -> None:
        """Take the schema, and whether clients may read it and be helped with their spelling."""
        self._schema = schema
        self._explore = explore
        self._rules = list(specified_rules) if explore else [*specified_rules, NoSchemaIntrospectionCustomRule]
        self._known = lru_cache(DOCUMENTS)(self._read)

    def operation(self, text: str, name: str | None) -> Operation:
        """Return the operation of `text` with `name`, or its only one; raise Refused."""
        operations = self._known(text)
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        if name is None:
            raise Refused("BAD_REQUEST", ["The document has several operations: name one in `operationName`."])
        if name not in operations:
            raise Refused("BAD_REQUEST", [f"The document has no operation {name:.50}."])
        return operations[name]

    def _read(self, text: str) -> dict[str, Operation]:
        try:
            document = parse(
                text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS, max_source_length=MAX_CHARACTERS
            )
            nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
            limits = Limits(self._schema, document, explore=self._explore)
            prices = [limits.price(node) for node in nodes]
        except GraphQLError as error:
            raise Refused("GRAPHQL_PARSE_FAILED", [error]) from None
        except RecursionError:
            raise Refused("TOO_LARGE", ["The document is nested too deeply."]) from None
        errors = validate(self._schema, document, self._rules, MAX_ERRORS, hide_suggestions=not self._explore)
        if errors:
            raise Refused("GRAPHQL_VALIDATION_FAILED", errors)
        if not nodes:
            raise Refused("BAD_REQUEST", ["The document has no operation."])
        operations = [self._operation(document, node, price) for node, price in zip(nodes, prices, strict=True)]
        return {operation.name: operation for operation in operations}

    def _operation(self, document: DocumentNode, node: OperationDefinitionNode, price: Price) -> Operation:
        root = self._schema.get_root_type(node.operation)
        asked = [field for field in _root_fields(document, node) if not field.name.value.startswith("__")]
        fields = tuple((field, public(root, field.name.value)) for field in asked)
        defaults = {
            variable.variable.name.value: int(variable.default_value.value)
            for variable in node.variable_definitions or ()
            if isinstance(variable.default_value, IntValueNode)
        }
        return Operation(node.name.value if node.name else "", node, document, price, defaults, fields)


def _root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> Sequence[FieldNode]:
    """Return the fields that a valid operation asks of the root, through fragments, whatever is skipped of them."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    found: list[FieldNode] = []

    def collect(selected: SelectionSetNode) -> None:
        for node in selected.selections:
            if isinstance(node, FieldNode):
                found.append(node)
            elif isinstance(node, InlineFragmentNode):
                collect(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                collect(fragments[node.name.value].selection_set)

    collect(operation.selection_set)
    return found
