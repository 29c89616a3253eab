"""Facts: what one module states, others hear in the same transaction."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import facts
from app.kit.database import Database

COUNT = text("SELECT count(*) FROM catalog_author")


class Stated(facts.Fact):
    """What the one module says."""

    subject: int
    detail: str


class Hearer:
    """The other module, which reads only a part of it."""

    class Stated(facts.Fact):
        """Its own reading of the fact."""

        subject: int


async def state_one(session: AsyncSession) -> None:
    """Write something and state a fact."""
    await session.execute(text("INSERT INTO catalog_author (name) VALUES ('Somebody')"))
    await facts.state(session, Stated(7, "seven"))


async def test_a_fact_is_heard_by_name_in_the_transaction_that_states_it(database_url: str) -> None:
    heard: list[tuple[int, int]] = []

    async def hear(session: AsyncSession, fact: Hearer.Stated) -> None:
        heard.append((fact.subject, await session.scalar(COUNT)))

    database = Database(database_url, {facts.HEARERS: facts.hearers([(Hearer.Stated, hear)])})
    await database.write(state_one)
    assert heard == [(7, 1)]
    await database.close()


async def test_a_fact_that_can_not_be_heard_undoes_its_transaction(database_url: str) -> None:
    async def refuse(_session: AsyncSession, _fact: Hearer.Stated) -> None:
        raise LookupError

    database = Database(database_url, {facts.HEARERS: facts.hearers([(Hearer.Stated, refuse)])})
    with pytest.raises(LookupError):
        await database.write(state_one)
    assert await database.read.first(COUNT) == (0,)
    await database.close()


async def test_a_fact_that_nobody_hears_is_no_error(database_url: str) -> None:
    database = Database(database_url)
    await database.write(state_one)
    assert await database.read.first(COUNT) == (1,)
    await database.close()
