"""What a body may carry, in types: bounds that are checked on the way in and shown in the API's description."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

# The widest integer that every reader of JSON keeps exact (RFC 7493, section 2.2); both databases hold it.
MAX_INTEGER = 2**53 - 1
# Holds nothing that ends a line and no control character (PostgreSQL stores no NUL), and starts with no space, and
# none of the marks that have no width. The look-ahead closes the gap that `$` leaves before a final newline.
ONE_LINE = (
    r"^[^\x00-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]"
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)"
)

Id = Annotated[int, Meta(ge=1, le=MAX_INTEGER, examples=[1])]
Next = Annotated[int | None, Meta(description="Pass it as `after` for the next page; null on the last one.")]
# The description of a pattern is also what a client is told whose text doesn't match it.
Line = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=ONE_LINE,
        description="One line of text that starts with a visible character.",
    ),
]

UNASKED: Any = UNSET
"""The default of each field of a view that takes `fields`, which leaves out what nobody asked for; else all are set."""


class Schema(msgspec.Struct, kw_only=True, gc=False):
    """A body that goes out; no circle can be built of it, so the garbage collector need not look for one."""


class Input(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A body that comes in; a field that it doesn't have is an error, not a silence."""
