"""Clients of the receiver that send nothing, or the headers of a request byte by byte."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from weightmark_hooks.webhook.connection import BoundedConnection
from weightmark_hooks.webhook.inbox import Inbox
from weightmark_hooks.webhook.receiver import Receiver, create_app

pytestmark = pytest.mark.integration


class Hasty(BoundedConnection):
    header_seconds = 0.5


@pytest.fixture
def port(tmp_path) -> Iterator[int]:
    app = create_app(Receiver([], Inbox(tmp_path / "webhook.db")))
    server = uvicorn.Server(uvicorn.Config(app, http=Hasty, log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


def closed(client: socket.socket, *, drip: bytes = b"") -> bool:
    """Say whether the server ends the connection, although the client goes on."""
    client.settimeout(0.1)
    for _ in range(80):
        try:
            if drip:
                client.sendall(drip)
            if not client.recv(1024):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def ask(client: socket.socket) -> bytes:
    client.settimeout(10)
    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while b"ready" not in answer:
        answer += client.recv(4096)
    return answer


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nX-Slow: "])
def test_a_request_whose_headers_do_not_come_is_given_up(port, begun):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(begun)
        assert closed(client, drip=b"x" if begun else b"")


def test_the_next_request_of_a_connection_is_bounded_too(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert b"200 OK" in ask(client)
        time.sleep(0.7)  # between requests uvicorn's own limit counts
        assert b"200 OK" in ask(client)
        client.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        assert closed(client, drip=b"x")
