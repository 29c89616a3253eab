"""A stand-in for Open Library, which counts who calls it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class OtherSystem(ThreadingHTTPServer):
    """Answers as Open Library does, for a book without a cover, or fails as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls = 0
        self.state = "well"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OtherSystem

    def do_GET(self) -> None:
        """Answer, or fail."""
        self.server.calls += 1
        fails = self.server.state == "down" or (self.server.state == "shaky" and self.server.calls % 10 == 0)
        self.send_response(503 if fails else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def other_system() -> Iterator[OtherSystem]:
    """Yield a system that listens on a port of its own."""
    other = OtherSystem()
    Thread(target=other.serve_forever, daemon=True).start()
    try:
        yield other
    finally:
        other.shutdown()
        other.server_close()
