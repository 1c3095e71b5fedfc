"""A server that asks for a password, and one that asks for patience: what is tried again, and what is not."""

import http.client
import http.server
import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest
import requests
from examples.mlflow_server import serve
from tests.integration.mlflow.world import QUIET
from tests.workshop import write_model

from weightmark.errors import PlatformError
from weightmark_adapters.mlflow import MlflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

CARD = "---\nlicense: mit\n---\n"


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model", card=CARD)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a guarded server that asks for a password."""
    folder = tmp_path_factory.mktemp("server")
    settings = folder / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        "admin_username = admin\nadmin_password = long enough 1\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")} | QUIET
    environ |= {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of this test",
        "WEIGHTMARK_HOME": str(folder / "weightmark"),
        "WEIGHTMARK_PARTY": "acme",
    }
    with serve(folder / "mlflow", environ, "--app-name", "basic-auth") as address:
        yield address


@pytest.fixture
def admin(server, monkeypatch):
    """Speak to the server as its administrator."""
    for key, value in QUIET.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "long enough 1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow writes it, and this puts it back
    import mlflow

    mlflow.set_tracking_uri(server)
    yield mlflow.MlflowClient(tracking_uri=server, registry_uri=server)
    mlflow.set_tracking_uri(None)


def publish(client, name: str, model: Path) -> str:
    import mlflow

    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(model), "model")
    client.create_registered_model(name)
    client.create_model_version(name, f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    return f"models:/{name}/1"


def test_credentials_that_expired_are_said_to_be_and_not_tried_again(server, admin, model, monkeypatch):
    uri = publish(admin, "guarded", model)
    registry = MlflowRegistry(tracking_uri=server, registry_uri=server)
    assert registry.resolve(uri).uri == uri
    requests.post(
        f"{server}/api/2.0/mlflow/users/create",
        json={"username": "reader", "password": "long enough 2"},
        auth=("admin", "long enough 1"),
        timeout=30,
    ).raise_for_status()
    for user, password, hint in (("admin", "expired", ""), ("reader", "long enough 2", "rights")):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        with pytest.raises(PlatformError) as caught:
            registry.resolve(uri)
        assert not caught.value.retryable
        assert "MLFLOW_TRACKING_PASSWORD" in caught.value.hint
        assert hint in caught.value.hint
        assert password not in f"{caught.value.message} {caught.value.hint}"
        with pytest.raises(PlatformError):
            list(registry.versions("models:/guarded"))
    assert "MLFLOW_TRACKING_PASSWORD" in registry.inspect().hint or registry.inspect().reachable


class Throttle:
    """Stands before the server and answers 429 for a while."""

    def __init__(self, server: str) -> None:
        self.refuse, self.refused = 0, 0
        host = server.removeprefix("http://")
        throttle = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _pass(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if throttle.refuse:
                    throttle.refuse, throttle.refused = throttle.refuse - 1, throttle.refused + 1
                    self.send_response(429)
                    self.send_header("Retry-After", "1")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
                    kept = {key: value for key, value in self.headers.items() if key.lower() != "host"}
                    connection.request(self.command, self.path, body, kept)
                    answer = connection.getresponse()
                    data = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass  # noqa: N815 - the names it looks for

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_server_that_asks_for_patience_is_given_it(server, admin, model):
    uri = publish(admin, "patient", write_model(model.parent / "m3", {"w": [6.0]}, card=CARD))
    with Throttle(server) as throttle:
        registry = MlflowRegistry(tracking_uri=throttle.address, registry_uri=throttle.address)
        throttle.refuse = 1
        assert registry.resolve(uri).uri == uri
        assert throttle.refused == 1
        throttle.refuse = 100
        with pytest.raises(PlatformError) as caught:
            registry.resolve(uri)
        assert caught.value.retryable
        with pytest.raises(PlatformError) as caught:
            list(registry.versions("models:/"))
        assert caught.value.retryable
