"""GraphiQL, Strawberry's page to try the API on: for `poe dev`, since it loads its scripts from the internet."""

from litestar import Response
from strawberry.http.ides import get_graphql_ide_html

from app.kit.parameters import AnyRequest

# What its page loads and does: scripts and styles from a CDN, some of them in the page itself.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src https://unpkg.com 'unsafe-inline' 'unsafe-eval'; "
    "style-src https://unpkg.com 'unsafe-inline'; font-src https://unpkg.com data:; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def is_asked_for(request: AnyRequest) -> bool:
    """Return whether a browser asks for the address itself."""
    return not request.scope["query_string"] and "text/html" in request.headers.get("accept", "")


def read() -> str:
    """Return the page, from its file."""
    return get_graphql_ide_html()


def answer(page: str) -> Response[str]:
    """Return the answer that has the page."""
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
    return Response(page, media_type="text/html", headers=headers)
