"""What one module states, and what another reads of it: the two classes of each fact, which don't know each other."""

from importlib import import_module

import msgspec
import pytest

from app.kit.facts import Fact
from tests.modules import MODULES

SAMPLES = {int: 7, str: "seven"}
HEARD = [(module.name, fact) for module in MODULES for fact, _ in module.hears]


def stated(name: str, hearer: str) -> type[Fact]:
    """Return the class by which a module other than `hearer` states the fact of that name."""
    others = [import_module(f"app.{module.name}.events") for module in MODULES if module.name != hearer]
    (found,) = [getattr(events, name) for events in others if hasattr(events, name)]
    return found


@pytest.mark.parametrize(("hearer", "fact"), HEARD, ids=[f"{fact.__name__} for {hearer}" for hearer, fact in HEARD])
def test_a_fact_is_read_as_it_was_stated(hearer: str, fact: type[Fact]) -> None:
    statement = stated(fact.__name__, hearer)
    said = {field.name: SAMPLES[field.type] for field in msgspec.structs.fields(statement)}
    on_the_wire = msgspec.json.encode(statement(**said))
    heard = msgspec.structs.asdict(msgspec.json.decode(on_the_wire, type=fact))
    assert heard == {name: said[name] for name in heard}
    first = next(iter(said))
    assert first in heard, f"{hearer} passes over what {fact.__name__} is about, and with it the order of what it hears"


def test_every_fact_is_heard_by_somebody() -> None:
    facts = {
        name
        for module in MODULES
        for name, kind in vars(import_module(f"app.{module.name}.events")).items()
        if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
    }
    assert facts == {fact.__name__ for _, fact in HEARD}
