"""What a module of the application hands to the composition root."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from litestar import Controller
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import Read
from app.kit.facts import Fact, Handler
from app.kit.jobs import Job
from app.kit.outgoing import System
from app.kit.settings import Settings
from app.kit.static_site import Rendered, StaticSite


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the application that owns its tables (`<name>_…`), its migrations and its addresses."""

    name: str
    about: str | None = None
    """What the API's description says of it."""
    controllers: Sequence[type[Controller]]
    hears: Sequence[tuple[type[Fact], Handler]] = ()
    jobs: Sequence[Job] = ()
    systems: Sequence[Callable[[Settings], System | None]] = ()
    """Make the other systems that its jobs call; None where the settings name none."""
    pages: Callable[[Read, StaticSite], Awaitable[Rendered]] | None = None
    """Renders all of its static pages."""
    seed: Callable[[AsyncSession], Awaitable[bool]]
    """Adds the sample data to an empty module; returns whether it did."""
