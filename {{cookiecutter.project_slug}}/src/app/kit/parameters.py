"""What a handler may ask for: the bounds here are checked on the way in and shown in the API's description."""

from typing import Annotated, TypeAlias

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from app.kit.database import Read, Write
from app.kit.schemas import MAX_INTEGER

Reads: TypeAlias = NamedDependency[Read]
Writes: TypeAlias = NamedDependency[Write]

PathId = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many items a page holds at the most.")]
After = Annotated[
    int, QueryParameter(ge=0, le=MAX_INTEGER, description="The `next` of the page before; 0 is the start.")
]
