"""A stand-in for the Hub: the wire protocol of huggingface.co as its own library speaks it.

Driven by the unmodified ``huggingface_hub``. It can be told to fail, to die half-way and to damage what it
keeps. It accepts what clients send; it cannot prove what huggingface.co accepts.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.integration.huggingface.hub import Hub
from tests.integration.huggingface.repository import RepositoryRoutes
from tests.integration.huggingface.shelf import Shelf
from tests.integration.huggingface.transfer import TransferRoutes


class Handler(RepositoryRoutes, TransferRoutes):
    """All requests that the stand-in answers."""


@contextmanager
def serve(folder: Path) -> Iterator[Hub]:
    """Run a Hub on a free port; it is stopped and its files are removed at the end."""
    kept = folder / "hub"
    kept.mkdir(parents=True)
    hub = Hub(Shelf(kept))
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        shutil.rmtree(kept, ignore_errors=True)
