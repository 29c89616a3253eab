"""Failures that a client must expect: members of a mutation's union, and how what the service raises becomes them."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import strawberry
from strawberry import ExceptionHandler
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from app.kit import bodies, errors

Value = TypeVar("Value")


@strawberry.interface(description="Why something was not done.")
class Failure:
    """What all failures say."""

    message: Annotated[str, strawberry.argument(description="A sentence for people.")]


@strawberry.federation.type(shareable=True, description="There is no such thing.")
class NotFound(Failure):
    """As `errors.NotFound`."""


@strawberry.federation.type(shareable=True, description="What is stored does not allow it.")
class Conflict(Failure):
    """As `errors.Conflict`."""


@strawberry.federation.type(shareable=True, description="A part of the input is not valid.")
class Invalid(Failure):
    """As the problem 400 of a body."""

    field: str = strawberry.field(description="Which one.")


class InvalidInput(Exception):
    """A field of an input oversteps its bounds."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class _NotFound(ExceptionHandler[errors.NotFound, NotFound]):
    def handle(self, exception: errors.NotFound, *, field: StrawberryField, info: Info) -> NotFound:  # noqa: ARG002
        return NotFound(message=str(exception))


class _Conflict(ExceptionHandler[errors.Conflict, Conflict]):
    def handle(self, exception: errors.Conflict, *, field: StrawberryField, info: Info) -> Conflict:  # noqa: ARG002
        return Conflict(message=str(exception))


class _Invalid(ExceptionHandler[InvalidInput, Invalid]):
    def handle(self, exception: InvalidInput, *, field: StrawberryField, info: Info) -> Invalid:  # noqa: ARG002
        return Invalid(message=str(exception), field=exception.field)


HANDLERS = (_NotFound(), _Conflict(), _Invalid())


def checked(given: object, kind: type[Value]) -> Value:
    """Return an input as the service takes it, without the fields that were left out; raise InvalidInput."""
    fields: Mapping[str, Any] = {name: value for name, value in vars(given).items() if value is not strawberry.UNSET}
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        wrong = bodies.explain(str(error), kind)
        raise InvalidInput(wrong["key"], wrong["message"]) from None
