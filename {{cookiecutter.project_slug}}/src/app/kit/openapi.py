"""What the API's description says beyond what Litestar reads from the types."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from litestar import Response, Router
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Schema, Tag
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from app.kit import security
from app.kit.schemas import Input

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

PATH = "/docs"
SCALAR = "https://cdn.jsdelivr.net/npm/@scalar/api-reference@1.72.1"
# The page is Scalar, whose script and style come from a CDN and which sets styles of its own.
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src https://cdn.jsdelivr.net; style-src https://cdn.jsdelivr.net 'unsafe-inline'; "
    b"font-src https://fonts.scalar.com; img-src 'self' data: https://cdn.jsdelivr.net; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DESCRIPTION = """\
Every error is a problem document (RFC 9457). Beside what each operation names, any of them may answer

- 408, 413, 414 or 431 to a request that is too slow or too large,
- 429 to a client that asks too often, and 503 while the database can't serve or the answer takes too long; both say \
in `Retry-After` how many seconds to wait.

With `Accept: application/vnd.msgpack` an answer is MessagePack instead of JSON; problems always are JSON.
"""


def config(title: str, tags: Iterable[Tag]) -> OpenAPIConfig:
    """Return how the API is described, under `/docs`."""
    return OpenAPIConfig(
        title=title,
        version="0.1.0",
        description=DESCRIPTION,
        components=security.COMPONENTS,
        openapi_router=Router(PATH, route_handlers=[], include_in_schema=False, after_request=_no_page),
        operation_id_creator=_operation_id,
        render_plugins=[
            ScalarRenderPlugin(
                path="/",
                js_url=f"{SCALAR}/dist/browser/standalone.js",
                css_url=f"{SCALAR}/dist/style.css",
                favicon="<link rel='icon' href='data:,'>",
            )
        ],
        tags=list(tags),
        use_handler_docstrings=True,
    )


def _operation_id(handler: HTTPRouteHandler, *_: Any) -> str:  # noqa: ANN401
    return handler.handler_name


def _no_page(response: Response[Any]) -> Response[Any]:
    # Litestar answers with a page of its own to an address below /docs that it doesn't know.
    if response.status_code == NotFoundException.status_code:
        raise NotFoundException
    return response


class ClosedInputs(OpenAPISchemaPlugin):
    """Says of every input that it takes no other fields than its own."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether this is the schema of an input."""
        return field_definition.is_subclass_of(Input)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: "SchemaCreator") -> Schema:
        """Return the schema that Litestar makes of the input, closed."""
        others = (p for p in schema_creator.plugins if isinstance(p, OpenAPISchemaPlugin) and p is not self)
        maker = next(plugin for plugin in others if plugin.is_plugin_supported_field(field_definition))
        schema = maker.to_openapi_schema(field_definition, schema_creator)
        schema.additional_properties = False
        return schema
