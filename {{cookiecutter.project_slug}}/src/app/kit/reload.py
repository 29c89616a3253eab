"""Restarts the server when the code changes, and lets it end with the process that watches it."""

import os
import signal
import socket
import threading
from multiprocessing import parent_process

import uvicorn
from uvicorn.supervisors import ChangeReload


class _Watched(uvicorn.Server):
    def run(self, sockets: list[socket.socket] | None = None) -> None:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().run(sockets)


def serve_and_reload(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until Ctrl-C, each time anew when the code in the reload folders of `config` changes."""
    ChangeReload(config, target=_Watched(config).run, sockets=[listener]).run()


def _end_with_parent() -> None:
    # Else a server whose watcher was killed would hold its port, and its output, for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
