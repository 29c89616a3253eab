"""What a handler may ask for: the bounds here are checked on the way in and shown in the API's description."""

from typing import Annotated, Any, TypeAlias

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ValidationException
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from app.kit.database import Read, Write
from app.kit.fields import ALL, Fields, UnknownField, choose, names_of
from app.kit.schemas import MAX_INTEGER

Reads: TypeAlias = NamedDependency[Read]
Writes: TypeAlias = NamedDependency[Write]
Chosen: TypeAlias = NamedDependency[Fields]
AnyRequest: TypeAlias = Request[Any, Any, State]

PathId = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many items a page holds at the most.")]
After = Annotated[
    int, QueryParameter(ge=0, le=MAX_INTEGER, description="The `next` of the page before; 0 is the start.")
]


def fields_of(view: type[Struct]) -> Provide:
    """Return the dependency `chosen` of a handler that answers with `view`: which fields the query asks for.

    It lets the query parameter `fields` through where it names fields of `view` only; the answer is 400 elsewhere.
    """
    names = names_of(view)
    name = "|".join(names).replace(".", r"\.")
    described = QueryParameter(
        max_length=300,
        description="Send only these fields: names separated by commas, in any order; the name of an object stands for "
        f"all of it. There are {', '.join(f'`{name}`' for name in names)}. Without it, or empty: all of them.",
        schema_extra={"pattern": f"^(({name})(,({name}))*)?$"},
    )

    # Asks for `read` too, and so comes after it: Litestar 2.25 resolves what doesn't depend on each other in a task
    # group, which takes some 50 µs of every request.
    def provide(request: AnyRequest, read: Reads, fields: Annotated[str, described] = "") -> Fields:  # noqa: ARG001
        if not fields or "fields" in request.app.state.settings.practices_off:
            return ALL
        try:
            return choose(view, fields.split(","))
        except UnknownField as error:
            raise ValidationException(extra=[{"key": "fields", "message": str(error)}]) from None

    return Provide(provide, sync_to_thread=False)
