"""What a module of the application hands to the composition root."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import msgspec
from litestar import Controller
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.database import Read
from app.kit.facts import Fact, Handler
from app.kit.jobs import Job
from app.kit.outgoing import System
from app.kit.settings import Settings
from app.kit.static_site import Rendered, StaticSite


class Part(Controller):
    """A module's part of a controller that all modules share, such as its types of one GraphQL schema."""

    @classmethod
    def whole(cls, parts: Sequence[type[Self]]) -> type[Controller]:
        """Return the controller that `parts`, all there are of this kind, make together."""
        raise NotImplementedError


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


def controllers_of(modules: Sequence[Module]) -> list[type[Controller]]:
    """Return the controllers of `modules`; those that are parts of one are there as that one."""
    controllers = [controller for module in modules for controller in module.controllers]
    parts = [controller for controller in controllers if issubclass(controller, Part)]
    whole = [parts[0].whole(parts)] if parts else []
    return [*whole, *(controller for controller in controllers if not issubclass(controller, Part))]
