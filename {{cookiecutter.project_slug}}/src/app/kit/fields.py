"""Sparse fieldsets: the fields somebody asks for, the columns and joins these need, and rows turned into just them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any, Generic, TypeVar

from msgspec import Struct, structs
from sqlalchemy import SQLColumnExpression, select
from sqlalchemy.orm import QueryableAttribute

from app.kit.database import AnyRow, AnySelect

View = TypeVar("View", bound=Struct)

SELECTIONS = 256
"""How many selections a cache keeps; those that are asked for again and again stay."""


class UnknownField(Exception):
    """A field was asked for that the view doesn't have; the message names those that it has."""


class Fields(Struct, frozen=True):
    """The innermost fields that somebody asked for: equal, in `str` too, however they were written; none is all."""

    names: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return not self.names or name in self.names

    def __str__(self) -> str:
        return ",".join(self.names)


ALL = Fields()


@cache
def names_of(view: type[Struct]) -> Mapping[str, tuple[str, ...]]:
    """Return each name that can be asked for, `author` and `author.name`, with the innermost fields it stands for.

    Raises TypeError for a view with a field that can't be left out.
    """
    names: dict[str, tuple[str, ...]] = {}
    for field in structs.fields(view):
        if field.required:
            raise TypeError(f"{view.__name__}.{field.name} can be left out of an answer: give it the default UNASKED.")
        if _is_view(field.type):
            inner = {
                f"{field.name}.{name}": tuple(f"{field.name}.{leaf}" for leaf in leaves)
                for name, leaves in names_of(field.type).items()
            }
            names[field.name] = tuple(dict.fromkeys(chain.from_iterable(inner.values())))
            names |= inner
        else:
            names[field.name] = (field.name,)
    return names


def choose(view: type[Struct], names: Iterable[str]) -> Fields:
    """Return the fields of `view` that `names` ask for, ALL if there are none; raise UnknownField."""
    known = names_of(view)
    chosen: set[str] = set()
    for name in names:
        if name not in known:
            raise UnknownField(f"There is no field {name!r}; there are {', '.join(known)}.")
        chosen.update(known[name])
    everything = _leaves(view)
    return ALL if len(chosen) == len(everything) else Fields(tuple(leaf for leaf in everything if leaf in chosen))


class Source(Generic[View]):
    """Where the fields of a view come from: a column each, and for some of them a join."""

    def __init__(
        self,
        view: type[View],
        columns: Mapping[str, SQLColumnExpression[Any]],
        joins: Mapping[str, QueryableAttribute[Any]],
    ) -> None:
        """Take the column of each innermost field, and the relation to join for each that lies in another table.

        Raises TypeError where these are not the fields of the view.
        """
        if columns.keys() != set(_leaves(view)) or not joins.keys() <= columns.keys():
            raise TypeError(f"The columns of {view.__name__} must be those of its fields: {', '.join(_leaves(view))}.")
        self._view = view
        self._columns = columns
        self._joins = joins
        self._converter = lru_cache(SELECTIONS)(self._compile)

    def select(self, fields: Fields, *also: str) -> AnySelect:
        """Return the statement that reads `fields`, and the columns `also` where they are not among them.

        What is not asked for is not read, and what nothing is read from is not joined.
        """
        names = dict.fromkeys((*self._chosen(fields), *also))
        statement = select(*(self._columns[name] for name in names))
        for relation in dict.fromkeys(self._joins[name] for name in names if name in self._joins):
            statement = statement.join(relation)
        return statement

    def views(self, rows: Sequence[AnyRow], fields: Fields = ALL) -> list[View]:
        """Return the views of rows that `select(fields, …)` has read, each without what was not asked for."""
        return self._converter(fields)(rows)

    def view(self, row: AnyRow, fields: Fields = ALL) -> View:
        """Return the view of one row."""
        return self.views([row], fields)[0]

    def _chosen(self, fields: Fields) -> list[str]:
        return [name for name in self._columns if name in fields]

    def _compile(self, fields: Fields) -> Callable[[Sequence[AnyRow]], list[View]]:
        positions = {name: position for position, name in enumerate(self._chosen(fields))}
        scope: dict[str, type[Struct]] = {}

        def construct(view: type[Struct], prefix: str = "") -> str:
            arguments: list[str] = []
            for field in structs.fields(view):
                name = f"{prefix}{field.name}"
                if name in positions:
                    arguments.append(f"{field.name}=row[{positions[name]}]")
                elif any(chosen.startswith(f"{name}.") for chosen in positions):
                    arguments.append(f"{field.name}={construct(field.type, f'{name}.')}")
            scope[f"view_{len(scope)}"] = view
            return f"view_{len(scope) - 1}({', '.join(arguments)})"

        # Written out and compiled once, as a namedtuple is: what rows are made of is then not looked up for each.
        # All of the text comes from the structs, none of it from a request.
        return eval(f"lambda rows: [{construct(self._view)} for row in rows]", scope)  # noqa: S307


def _is_view(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _leaves(view: type[Struct]) -> list[str]:
    return [name for name, leaves in names_of(view).items() if leaves == (name,)]
