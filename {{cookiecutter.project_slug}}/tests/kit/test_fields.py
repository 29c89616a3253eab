"""Selections: what makes two of them equal, and where their columns must come from."""

import msgspec
import pytest
from sqlalchemy import column

from app.kit.fields import ALL, Source, choose, names_of
from app.kit.schemas import UNASKED


class Person(msgspec.Struct):
    """Someone in a test."""

    id: int = UNASKED
    name: str = UNASKED


class Thing(msgspec.Struct):
    """Something in a test."""

    id: int = UNASKED
    owner: Person = UNASKED


@pytest.mark.parametrize(
    ("names", "normal"),
    [
        (["owner.name", "id"], "id,owner.name"),
        (["id", "owner.name", "id"], "id,owner.name"),
        (["owner"], "owner.id,owner.name"),
        (["owner.name", "owner", "owner.id"], "owner.id,owner.name"),
        ([], ""),
        (["owner", "id"], ""),
    ],
)
def test_a_selection_is_the_same_however_it_is_written(names: list[str], normal: str) -> None:
    chosen = choose(Thing, names)
    assert str(chosen) == normal
    assert chosen == choose(Thing, reversed(names))
    assert hash(chosen) == hash(choose(Thing, reversed(names)))
    assert (chosen == ALL) == (normal == "")


def test_a_field_without_a_column_is_found_at_the_start() -> None:
    columns = {"id": column("id"), "owner.id": column("owner_id")}
    with pytest.raises(TypeError, match=r"owner\.name"):
        Source(Thing, columns, joins={})


def test_a_field_that_can_not_be_left_out_is_found_at_the_start() -> None:
    class Rigid(msgspec.Struct):
        id: int

    with pytest.raises(TypeError, match=r"Rigid\.id .* UNASKED"):
        names_of(Rigid)
