"""Facts: how modules that don't know each other stay in step.

A module states what happened; others, which declare their own reading of it, hear it in the transaction that
states it, so a copy never lags and never outlives a rollback.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession


class Fact(msgspec.Struct):
    """Something that happened, named in the past tense; the class name is the name on the wire.

    A hearer declares a class of the same name with the fields it needs; others are passed over.
    """


Handler = Callable[[AsyncSession, Any], Awaitable[None]]
Hearers = dict[str, list[tuple[type[Fact], Handler]]]
# The place in a session's `info` where its hearers travel.
HEARERS = "hearers"


def hearers(hears: Iterable[tuple[type[Fact], Handler]]) -> Hearers:
    """Return the handlers of each fact by its name, from pairs of (the hearer's own fact class, its handler)."""
    by_name: Hearers = defaultdict(list)
    for fact_type, handler in hears:
        by_name[fact_type.__name__].append((fact_type, handler))
    return dict(by_name)


async def state(session: AsyncSession, fact: Fact) -> None:
    """Let every hearer of `fact` act on it in `session`; what a handler raises undoes the whole transaction."""
    heard_by: Hearers = session.info.get(HEARERS, {})
    content = msgspec.to_builtins(fact)
    for fact_type, handle in heard_by.get(type(fact).__name__, ()):
        await handle(session, msgspec.convert(content, fact_type))
