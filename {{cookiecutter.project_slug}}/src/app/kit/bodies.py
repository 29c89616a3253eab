"""Bodies that come in: JSON, and strictly of the type that the handler takes."""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import ClientException, ValidationException


def _number(text: str) -> float:
    """Return the number that is written with a point or an exponent; `3.0` is an integer, as JSON Schema has it."""
    number = float(text)
    if math.isinf(number):
        raise msgspec.DecodeError(f"the number {text:.20} is out of range")
    return int(number) if number.is_integer() else number


DECODER = msgspec.json.Decoder(float_hook=_number)


class JsonRequest(Request[Any, Any, State]):
    """A request whose body must be JSON of the handler's own type: Litestar by itself takes `"3"` for a number."""

    async def json(self) -> Any:  # noqa: ANN401
        """Return the body as the handler's `data`; raise ClientException or ValidationException (400)."""
        data = self.route_handler.parsed_fn_signature.parameters.get("data")
        kind = data.annotation if data else Any
        try:
            content = DECODER.decode(await self.body())
            return msgspec.convert(content, kind, str_keys=True, dec_hook=self.route_handler.default_deserializer)
        except msgspec.ValidationError as error:
            raise ValidationException(extra=[explain(str(error), kind)]) from None
        except RecursionError:
            raise ClientException("The body is nested too deeply.") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ClientException(f"The body is not valid JSON: {error}.") from None


def explain(error: str, kind: Any) -> dict[str, str]:  # noqa: ANN401
    """Return which field msgspec's sentence is about, and what is wrong with it in words."""
    message, _, path = error.partition(" - at `$")
    field = path.rstrip("`").removeprefix("[...]").lstrip(".")
    return {"key": field or "body", "message": _rules(kind).get(message, message)}


@cache
def _rules(kind: Any) -> dict[str, str]:  # noqa: ANN401
    """Return, for each pattern in `kind`, what msgspec says of it and what to say instead: its description."""
    return {
        f"Expected `str` matching regex {pattern!r}": f"Expected {description[:1].lower()}{description[1:]}"
        for pattern, description in _patterns(msgspec.json.schema(kind, schema_hook=lambda _: {}))
    }


def _patterns(schema: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if isinstance(schema, dict):
        if "pattern" in schema and "description" in schema:
            yield schema["pattern"], schema["description"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)
