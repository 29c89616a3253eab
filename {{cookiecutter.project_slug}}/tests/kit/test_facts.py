"""Facts: what one module states, others hear in the same transaction."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import facts
from app.kit.database import Database
from app.kit.jobs import Batch, job
from tests.jobsite import Site, leave

COUNT = text("SELECT count(*) FROM catalog_author")
REMEMBERED = text("SELECT event_id FROM kit_handled_fact")


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


class Consumer:
    """A module in another process, with a database of its own."""

    class Moved(facts.Fact):
        """Its own reading of the fact."""

        thing_id: int
        place: str

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[int, str]] = []
        self.told: list[int] = []
        self.answers_lost = 0
        self.site = Site(url, {facts.HEARERS: facts.hearers([(self.Moved, self.hear)])})
        batch = Batch(most=100, within=timedelta(0))
        self.teller = job(name="tell_consumer", batch=batch, concurrency=1, retries=None)(self.tell)

    async def hear(self, session: AsyncSession, fact: Moved) -> None:
        """Note what is heard, and keep it."""
        self.heard.append((fact.thing_id, fact.place))
        await leave(session, f"{fact.thing_id} in {fact.place}")

    async def tell(self, _session: AsyncSession, told: list[facts.Told]) -> None:
        """Stand in for the network: facts go to the other database, and every other answer is lost."""
        self.told.append(len(told))
        await self.site.database.write(facts.receive, told)
        if len(self.told) % 2:
            self.answers_lost += 1
            raise ConnectionError("the answer was lost")


class Moved(facts.Fact):
    """Stated: a thing is there from now on."""

    thing_id: int
    place: str
    detail: str = ""


async def move(session: AsyncSession, thing_id: int, place: str) -> None:
    """Move a thing, and say so."""
    await leave(session, place)
    await facts.state(session, Moved(thing_id, place))


@pytest.mark.parametrize("stated_on", ["sqlite", "postgresql"])
async def test_a_fact_for_another_database_arrives_once_and_in_order_though_answers_are_lost(
    stated_on: str, sqlite_database_url: str, postgresql_database_url: str
) -> None:
    here, there = sqlite_database_url, postgresql_database_url
    if stated_on == "postgresql":
        here, there = there, here
    consumer = Consumer(there)
    site = Site(here, {facts.TELLERS: [consumer.teller]})
    for step in range(5):
        for thing in (1, 2, 3):
            await site.database.write(move, thing, f"place {step}")
    assert consumer.heard == []
    async with consumer.site.working(facts.hear_facts), site.working(consumer.teller):
        pass
    for thing in (1, 2, 3):
        assert [place for other, place in consumer.heard if other == thing] == [f"place {step}" for step in range(5)]
    assert len(await consumer.site.effects()) == 15
    assert consumer.answers_lost > 0
    assert consumer.told[0] == (15 if site.gathers else 1)
    await site.database.close()
    await consumer.site.database.close()


async def test_a_fact_for_another_database_does_not_outlive_a_rollback(database_url: str) -> None:
    @job()
    async def refuse(_session: AsyncSession, told: facts.Told) -> None:
        raise AssertionError(told)

    async def change_mind(session: AsyncSession) -> None:
        await move(session, 1, "nowhere")
        raise LookupError

    site = Site(database_url, {facts.TELLERS: [refuse]})
    with pytest.raises(LookupError):
        await site.database.write(change_mind)
    assert await site.jobs() == []
    await site.database.close()


async def test_facts_heard_a_month_ago_are_forgotten(database_url: str) -> None:
    database = Database(database_url)
    told = facts.Told("0" * 32, "thing_id 1", "Moved", {})
    await database.write(facts.receive, [told])
    await database.write(facts.forget_facts.work)
    assert await database.read.all(REMEMBERED)
    await database.write(_let_a_month_go_by)
    await database.write(facts.forget_facts.work)
    assert not await database.read.all(REMEMBERED)
    await database.close()


async def _let_a_month_go_by(session: AsyncSession) -> None:
    await session.execute(text("UPDATE kit_handled_fact SET handled_at = '2020-01-01'"))
