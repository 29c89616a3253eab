"""Which rows a unit of work changed: collected as it goes, for whoever must know once it is committed.

A change is named by tags: `table` for anything in a table, `table:7` for the row with that key, `table:*` for
rows that can't be told from the statement.
"""

from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ColumnElement,
    Delete,
    Insert,
    Table,
    TextClause,
    Update,
    event,
    inspect,
)
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, UOWTransaction
from sqlalchemy.sql import operators

EVERYTHING = "*"
"""The tag of a change of which nothing can be told."""
SOME_ROWS = "*"
# The place in a session's `info` where its tags are.
CHANGES = "changes"


class ChangeNotingSession(Session):
    """A session that notes what it changes."""


def tag(model: type[Any], key: object = None) -> str:
    """Return the tag of a model's table, or of its row with `key`."""
    table = _table_name(model)
    return table if key is None else f"{table}:{key}"


def changes_of(session: Session) -> set[str]:
    """Return the tags of what `session` has changed so far; empty where it changed nothing."""
    return session.info.setdefault(CHANGES, set())


@event.listens_for(ChangeNotingSession, "after_flush")
def _note_objects(session: Session, _context: UOWTransaction) -> None:
    for instance in (*session.new, *session.dirty, *session.deleted):
        mapper: Mapper[Any] = inspect(type(instance))
        table = _table(mapper).name
        key = "/".join(str(part) for part in mapper.primary_key_from_instance(instance))
        changes_of(session).update((table, f"{table}:{key}"))


@event.listens_for(ChangeNotingSession, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> None:
    statement = state.statement
    if isinstance(statement, Insert | Update | Delete) and isinstance(statement.table, Table):
        key = SOME_ROWS if isinstance(statement, Insert) else _key(statement, statement.table)
        changes_of(state.session).update((statement.table.name, f"{statement.table.name}:{key}"))
    elif isinstance(statement, TextClause) and not statement.text.lstrip().lower().startswith("select"):
        changes_of(state.session).add(EVERYTHING)


@cache
def _table_name(model: type[Any]) -> str:
    return _table(inspect(model)).name


def _table(mapper: Mapper[Any]) -> Table:
    return cast("Table", mapper.local_table)


def _key(statement: Update | Delete, table: Table) -> object:
    """Return the one key to which `statement` confines itself (`WHERE id = 7 AND ...`), or `*`."""
    where: ColumnElement[Any] | None = statement.whereclause
    both = isinstance(where, BooleanClauseList) and where.operator is operators.and_
    conditions = where.get_children() if both and where is not None else [where]
    for condition in conditions:
        if isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            column, value = condition.left, condition.right
            if table.primary_key.columns.values() == [column] and isinstance(value, BindParameter):
                return SOME_ROWS if value.value is None else value.value
    return SOME_ROWS
