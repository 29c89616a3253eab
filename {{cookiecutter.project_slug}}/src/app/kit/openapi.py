"""What the API's description says beyond what Litestar reads from the types."""

from typing import TYPE_CHECKING

from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from app.kit.schemas import Input

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

PATH = "/docs"
# The page is Scalar, whose script and style come from a CDN and which sets styles of its own.
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src https://cdn.jsdelivr.net; style-src https://cdn.jsdelivr.net 'unsafe-inline'; "
    b"font-src https://fonts.scalar.com; img-src 'self' data: https://cdn.jsdelivr.net; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
