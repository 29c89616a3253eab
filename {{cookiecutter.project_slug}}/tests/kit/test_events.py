"""Facts on their way between services: the door they come in by, and the calls that bring them."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import events, facts
from app.kit.app import build_app
from app.kit.jobs.worker import beside
from app.kit.module import Module
from tests.conftest import client_of, make_settings, nothing
from tests.jobsite import Site, leave
from tests.polling import until
from tests.standin import StandIn, standing_in

SECRET = "a-secret-for-the-tests"  # noqa: S105


class Moved(facts.Fact):
    """A thing is there from now on."""

    thing_id: int
    place: str


async def note(session: AsyncSession, fact: Moved) -> None:
    """Leave an effect of what is heard."""
    await leave(session, f"{fact.thing_id} in {fact.place}")


async def move(session: AsyncSession, thing_id: int, place: str) -> None:
    """State that a thing was moved."""
    await facts.state(session, Moved(thing_id, place))


MODULE = Module(name="things", controllers=[], hears=[(Moved, note)], seed=nothing)


def told(place: str = "Riga", **more: Any) -> dict[str, Any]:
    """Return a fact as it comes over the wire, with `more` than is known here."""
    content = {"thing_id": 1, "place": place, "colour": "unheard of"}
    return {"event_id": uuid4().hex, "subject": "thing_id 1", "name": "Moved", "content": content, **more}


async def deliver(
    client: AsyncClient, *said: dict[str, Any], to: str = "things", secret: str = SECRET, at: float | None = None
) -> Response:
    """Return the answer to a delivery, signed with `secret` at a time (by default now)."""
    body = msgspec.json.encode({"to": to, "facts": said, "version": 2})
    headers = dict(events.sign(secret, body, time.time() if at is None else at))
    return await client.post("/events", content=body, headers=headers)


@pytest.fixture
async def receiver(site: Site) -> AsyncIterator[AsyncClient]:
    """Yield a client of a service that hears of things, with a worker inside, on the database of the site."""
    settings = make_settings(DATABASE_URL=site.url, EVENTS_SECRET=SECRET, WORKER_INSIDE="true")
    async with client_of(build_app(settings, [MODULE], title="Tests")) as client:
        yield client


async def heard(site: Site) -> list[str]:
    """Return what was heard, once all is."""
    await site.hurry()
    return await site.effects()


async def test_facts_are_accepted_at_once_and_heard_soon_whatever_else_they_say(
    receiver: AsyncClient, site: Site
) -> None:
    unknown = told(name="Painted")
    answer = await deliver(receiver, told("Riga"), unknown, told("Oslo", version=3))
    assert answer.status_code == 202
    assert await heard(site) == ["1 in Riga", "1 in Oslo"]


async def test_facts_that_come_twice_are_heard_once(receiver: AsyncClient, site: Site) -> None:
    first, second = told("Riga"), told("Oslo")
    for said in ([first, first], [first, second], [first, second]):
        assert (await deliver(receiver, *said)).status_code == 202
    assert await heard(site) == ["1 in Riga", "1 in Oslo"]


async def test_only_who_knows_the_secret_is_believed_and_only_for_some_minutes(
    receiver: AsyncClient, site: Site
) -> None:
    assert (await deliver(receiver, told(), secret="another-secret-altogether")).status_code == 401  # noqa: S106
    for seconds in (-events.SIGNED_SECONDS - 1, events.SIGNED_SECONDS + 2):
        assert (await deliver(receiver, told(), at=time.time() + seconds)).status_code == 401
    unsigned = await receiver.post("/events", json={"to": "things", "facts": [told()]})
    assert unsigned.status_code == 401
    body = msgspec.json.encode({"to": "things", "facts": []})
    changed = await receiver.post("/events", content=body + b" ", headers=dict(events.sign(SECRET, body, time.time())))
    assert changed.status_code == 401
    assert await heard(site) == []


async def test_what_is_meant_for_another_service_is_refused_and_names_this_one(receiver: AsyncClient) -> None:
    answer = await deliver(receiver, told(), to="elsewhere")
    assert (answer.status_code, answer.json()["detail"]) == (421, "This is things, not elsewhere: see EVENTS_TO.")


async def test_what_is_no_delivery_is_refused(receiver: AsyncClient) -> None:
    for body in (b"", b"{}", b'{"to": "things", "facts": [{}]}', b"\xff"):
        headers = dict(events.sign(SECRET, body, time.time()))
        assert (await receiver.post("/events", content=body, headers=headers)).status_code == 400


async def test_without_a_secret_there_is_no_such_door(sqlite_database_url: str) -> None:
    async with client_of(build_app(make_settings(DATABASE_URL=sqlite_database_url), [MODULE], title="Tests")) as client:
        assert (await deliver(client, told())).status_code == 404


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """Yield a stand-in for the other service, which is well."""
    async with standing_in() as standin:
        standin.be_wrong(202, b"")
        yield standin


def telling(url: str, database_url: str) -> tuple[Site, events.Consumer]:
    """Return the site of a service that tells the one at `url`, and that one as it knows it."""
    off = ",".join(make_settings().practices_off)
    settings = make_settings(EVENTS_SECRET=SECRET, EVENTS_TO=f"things={url},here={url}", PRACTICES_OFF=off)
    (consumer,) = events.consumers(settings, here=["here"])
    return Site(database_url, {facts.TELLERS: [consumer.tell]}), consumer


async def test_what_waits_goes_in_one_call_that_the_other_service_believes(
    standin: StandIn, receiver: AsyncClient, site: Site, sqlite_database_url: str
) -> None:
    sender, consumer = telling(standin.url, sqlite_database_url)
    for number in range(100):
        await sender.database.write(move, number % 3, f"place {number}")
    async with sender.working(consumer.tell):
        pass
    assert [request.path for request in standin.requests] == ["/events"]
    (body,) = standin.bodies
    headers = {name: standin.requests[0].headers[name] for name in (events.TIME, events.SIGNATURE)}
    answer = await receiver.post("/events", content=body, headers=headers)
    assert answer.status_code == 202
    assert len(await heard(site)) == 100
    await consumer.close()
    await sender.database.close()


@pytest.mark.parametrize("status", [500, 401, 421])
async def test_what_is_not_accepted_stays_until_it_is(standin: StandIn, database_url: str, status: int) -> None:
    sender, consumer = telling(standin.url, database_url)
    standin.be_wrong(status)
    await sender.database.write(move, 1, "Riga")
    async with sender.working(consumer.tell):

        async def has_failed() -> bool:
            return any(row.error for row in await sender.jobs())

        await until(has_failed)
        standin.be_wrong(202, b"")
        await sender.hurry()
    assert standin.calls > 1
    await consumer.close()
    await sender.database.close()


async def test_the_first_that_arrives_brings_along_all_that_wait(standin: StandIn, database_url: str) -> None:
    sender, consumer = telling(standin.url, database_url)
    standin.be_wrong(429)
    async with beside(sender.worker(consumer.tell, first_retry=timedelta(hours=1))):
        for thing in range(5):
            await sender.database.write(move, thing, "Riga")
            await until(lambda thing=thing: all_failed(sender, thing + 1))
        standin.be_wrong(202, b"")
        calls = standin.calls
        await sender.database.write(move, 5, "Riga")
        await until(sender.idle)
    assert standin.calls == calls + 2
    await consumer.close()
    await sender.database.close()


async def all_failed(site: Site, number: int) -> bool:
    """Return whether that many jobs have failed."""
    return sum(bool(row.error) for row in await site.jobs()) == number
