"""Facts on their way between services: a batch is one POST to `/events`, signed, and answered once it is written down.

No request waits for it: the job that tells a service was written with the fact, and is repeated until that service has
it, be it an hour later. There the facts become jobs before the answer, so what one of them fails of stays over there.
"""

import hmac
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request, post
from litestar.exceptions import ClientException, HTTPException, NotAuthorizedException
from litestar.handlers import HTTPRouteHandler
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.facts import Told, receive
from app.kit.jobs import Batch, Job, job
from app.kit.outgoing import System
from app.kit.parameters import Writes
from app.kit.settings import Settings

PATH = "/events"
MOST = 100
MOST_BYTES = 1024 * 1024
LONGEST_RETRY = timedelta(seconds=30)
"""How long after its return a service that was away still waits for what it missed."""
TIME = "Events-Time"
SIGNATURE = "Events-Signature"
SIGNED_SECONDS = 300
"""How long a signature is worth something: as long as the clocks of two machines may be apart."""


class Delivery(msgspec.Struct):
    """The body of a POST to `/events`; fields that a newer sender adds are passed over."""

    to: str
    """The name of a module: one that gets what is meant for another has a wrong address."""
    facts: list[Told]


class Consumer:
    """A service that hears of what happens here."""

    def __init__(self, name: str, url: str, settings: Settings) -> None:
        """Take its name, the address of its API and the settings of this process."""
        self._name = name
        self._secret = settings.events_secret
        self.system = System(name, url, off=settings.practices_off)
        declare = job(
            name=f"tell_{name}",
            # What waits goes together, and nothing waits for company.
            batch=Batch(most=MOST, within=timedelta(0)),
            concurrency=1,
            retries=None,
            longest_retry=LONGEST_RETRY,
            priority=10,
        )
        self.tell: Job = declare(self._tell)

    async def close(self) -> None:
        """Close every connection."""
        await self.system.close()

    async def _tell(self, _session: AsyncSession, facts: list[Told]) -> None:
        """Bring facts to the service; they may arrive twice, where its answer is lost."""
        body = msgspec.json.encode(Delivery(self._name, facts))
        await self.system.post(PATH, body, sign(self._secret, body, time.time()))


def sign(secret: str, body: bytes, now: float) -> Mapping[str, str]:
    """Return the headers of a delivery that is sent `now`, in seconds since 1970."""
    at = str(int(now))
    return {TIME: at, SIGNATURE: _signature(secret, at, body), "Content-Type": "application/json"}


def consumers(settings: Settings, here: Collection[str]) -> Sequence[Consumer]:
    """Return those whom EVENTS_TO names, without the modules that are `here`; opens nothing."""
    named = (consumer.partition("=") for consumer in sorted(settings.events_to))
    return [Consumer(name, url, settings) for name, _, url in named if name not in here]


def receivers(secret: str, modules: Collection[str]) -> Sequence[HTTPRouteHandler]:
    """Return the handler of `/events` for a process that serves `modules`; without a secret there is no such door.

    It answers 202 once the facts are written down; 401 to a wrong or old signature, 400 to what is no delivery, 421 to
    one for a module that is not here.
    """
    if not secret:
        return []

    @post(PATH, include_in_schema=False, status_code=202, request_max_body_size=MOST_BYTES)
    async def hear(request: Request[Any, Any, Any], write: Writes) -> None:
        body = await request.body()
        _check_signature(secret, request.headers, body)
        try:
            delivery = msgspec.json.decode(body, type=Delivery)
        except msgspec.DecodeError as error:
            raise ClientException(f"The body is no delivery of facts: {error}.") from None
        if delivery.to not in modules:
            raise HTTPException(f"This is {', '.join(modules)}, not {delivery.to}: see EVENTS_TO.", status_code=421)
        if delivery.facts:
            await write(receive, delivery.facts)

    return [hear]


def _signature(secret: str, at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()


def _check_signature(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    at, given = headers.get(TIME, ""), headers.get(SIGNATURE, "")
    if not hmac.compare_digest(given.encode(), _signature(secret, at, body).encode()):
        raise NotAuthorizedException(f"The header {SIGNATURE} is wrong: both services need the same EVENTS_SECRET.")
    if not at.isdecimal() or abs(time.time() - int(at)) > SIGNED_SECONDS:
        raise NotAuthorizedException(f"The header {TIME} is not of now: see the clocks of both machines.")
