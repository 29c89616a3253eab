"""Entities: what a router over several services asks each of them for by its key (Apollo Federation 2).

Nothing here is public: a router composes and joins with the token.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import strawberry
from msgspec import Struct
from sqlalchemy import bindparam
from strawberry.dataloader import DataLoader
from strawberry.federation.schema import FederationAny
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.tools import merge_types
from strawberry.types.base import StrawberryObjectDefinition

from app.kit.database import AnySelect
from app.kit.fields import ALL, SELECTIONS, Fields, Source, choose
from app.kit.graphql.connections import number
from app.kit.graphql.failures import HANDLERS
from app.kit.graphql.limits import MAX_PAGE
from app.kit.graphql.resolving import Info, chosen
from app.kit.graphql.schema import core
from graphql import GraphQLError, GraphQLUnionType

ELSEWHERE = Key(fields=FieldSet("id"), resolvable=False)
"""The key of a type whose owner is another service."""


class Entity(NamedTuple):
    """How things are read by their `id`."""

    view: type[Struct]
    source: Source[Any]


def new_schema(
    queries: Sequence[type],
    mutations: Sequence[type],
    entities: Mapping[type, Entity],
    stand_ins: Mapping[type, str],
) -> strawberry.Schema:
    """Return the schema whose roots have the fields of all these types, and which answers for `entities`.

    `stand_ins` are the types that another module owns, with the name that they have there.
    """
    schema = _Schema(
        query=merge_types("Query", tuple(queries)),
        mutation=merge_types("Mutation", tuple(mutations)),
        config=StrawberryConfig(name_converter=_Names(entities, stand_ins)),
        exception_handlers=HANDLERS,
    )
    schema.own(entities)
    return schema


class _Names(NameConverter):
    """Names a type that stands in for another module's as that one, unless both are in the schema."""

    def __init__(self, entities: Mapping[type, Entity], stand_ins: Mapping[type, str]) -> None:
        super().__init__()
        owned = {kind.__name__ for kind in entities}
        self._other = {kind: name for kind, name in stand_ins.items() if name not in owned}

    def from_object(self, object_type: StrawberryObjectDefinition) -> str:
        return self._other.get(object_type.origin) or super().from_object(object_type)


class _Schema(strawberry.federation.Schema):
    """A schema that says what it is at `_service`, and answers for its entities at `_entities`."""

    entities: Mapping[str, Entity]

    def own(self, entities: Mapping[type, Entity]) -> None:
        self.entities = {kind.__name__: entity for kind, entity in entities.items()}
        names = {entity.view: name for name, entity in self.entities.items()}
        union = core(self).type_map.get("_Entity")
        if isinstance(union, GraphQLUnionType):
            # They are views, of which Strawberry knows nothing.
            union.resolve_type = lambda thing, _info, _type: names[type(thing)]

    def entities_resolver(self, info: Info, representations: list[FederationAny]) -> list[Any]:
        """Return what each of `representations` stands for, `{"__typename": …, "id": …}`: one query for each type.

        Null stands where there is no such thing. Raises GraphQLError for what is no entity of this schema.
        """
        if len(representations) > MAX_PAGE:
            raise GraphQLError(f"{len(representations)} entities are asked for, and the limit is {MAX_PAGE}.")
        asked = [self._read(representation) for representation in representations]
        loaders = {name: _loader(info, self.entities[name]) for name in {name for name, _ in asked}}
        return [loaders[name].load(key) for name, key in asked]

    def _read(self, representation: object) -> tuple[str, int]:
        match representation:
            case {"__typename": str(name), "id": str() | int() as key} if name in self.entities:
                return name, number(str(key))
        raise GraphQLError(f"A representation must have an `id` and a `__typename` of {', '.join(self.entities)}.")


def _loader(info: Info, entity: Entity) -> DataLoader[int, Any]:
    fields = chosen(info, entity.view)
    if fields != ALL:
        fields = choose(entity.view, [*fields.names, "id"])

    async def load(ids: list[int]) -> list[Any]:
        rows = await info.context.read.all(_statement(entity.source, fields), {"ids": ids})
        found = {view.id: view for view in entity.source.views(rows, fields)}
        return [found.get(key) for key in ids]

    return info.context.loader((entity, fields), load)


@lru_cache(SELECTIONS)
def _statement(source: Source[Any], fields: Fields) -> AnySelect:
    statement = source.select(fields, "id")
    return statement.where(statement.selected_columns["id"].in_(bindparam("ids", expanding=True)))
