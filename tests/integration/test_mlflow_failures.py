"""What may go wrong between MLflow and Weightmark: nothing passes unchecked, nothing is recorded twice.

The receiver's own table (forged, replayed, late deliveries) stands in tests/unit/hooks/test_webhook.py.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.integration.mlflow.world import QUIET
from tests.workshop import write_model

from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace, process_workspace
from weightmark_adapters.mlflow import MlflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

CARD = "---\nlicense: mit\n---\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Give MLflow's own tables and a folder for artifacts, made once."""
    folder = tmp_path_factory.mktemp("mlflow")
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}").engine.dispose()
    return folder / "mlflow.db"


@pytest.fixture
def home(tmp_path, database, monkeypatch):
    """Use the guarded registry in this process, with a home and a ledger of the test's own."""
    import mlflow

    for key, value in QUIET.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "weightmark"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow writes it, and this puts it back
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    monkeypatch.setattr(
        "mlflow.tracking._model_registry.utils._registry_uri", f"weightmark+sqlite:///{database}"
    )
    mlflow.set_tracking_uri(f"sqlite:///{database}")
    yield tmp_path / "weightmark"
    process_workspace().close()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def client(home):
    import mlflow

    return mlflow.MlflowClient()


@pytest.fixture
def name(client, request):
    made = request.node.name.replace("[", "-").replace("]", "")
    client.create_registered_model(made)
    return made


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model", card=CARD)


def refused(call, *arguments) -> str:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert caught.value.error_code == "PERMISSION_DENIED"
    return str(caught.value)


def entries(home: Path) -> int:
    with Workspace(Configuration.load({"home": str(home)})) as workspace:
        return workspace.resources.ledger.checkpoint().checkpoint.size


def versions(client, name: str) -> int:
    return len(client.search_model_versions(f"name = '{name}'"))


@contextmanager
def locked(home: Path):
    with closing(sqlite3.connect(home / "weightmark.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_locked_ledger_refuses_to_register_and_forgets_nothing(home, client, name, model, monkeypatch):
    client.create_model_version(name, model.as_uri())
    monkeypatch.setattr("weightmark_plugins.ledgers.sqlite.SqliteLedger.busy_seconds", 0.3)
    monkeypatch.setattr("weightmark_plugins.stores.sqlite.SqliteStore.busy_seconds", 0.3)
    other = write_model(model.parent / "other", {"w": [3.0]}, card=CARD)
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    process_workspace().find(f"models:/{name}/1")
    with locked(home):
        assert "could not check" in refused(client.create_model_version, name, other.as_uri())
        client.set_registered_model_alias(name, "production", "1")  # who only reads need not wait
    assert versions(client, name) == 1
    client.create_model_version(name, other.as_uri())
    assert (versions(client, name), entries(home)) == (2, 4)


@pytest.mark.parametrize("damage", ["corrupt", "read-only", "gone"])
def test_a_ledger_that_cannot_be_used_refuses_everything(home, client, name, model, monkeypatch, damage):
    client.create_model_version(name, model.as_uri())
    process_workspace().close()
    file = home / "weightmark.db"
    whole = file.read_bytes()
    if damage == "gone":
        file.rename(home / "elsewhere")
        file.mkdir()
    elif damage == "corrupt":
        file.write_bytes(whole[:100] + b"\xff" * 4000 + whole[4100:])
    else:
        file.write_bytes(
            whole[:18] + b"\x03" + whole[19:]
        )  # a file format that SQLite reads, but never writes
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    other = write_model(model.parent / "other", {"w": [3.0]}, card=CARD)
    assert "could not check" in refused(client.create_model_version, name, other.as_uri())
    if damage != "read-only":
        assert "could not check" in refused(client.set_registered_model_alias, name, "production", "1")
        assert "could not check" in refused(client.transition_model_version_stage, name, "1", "Staging")
    assert versions(client, name) == 1
    assert not client.get_registered_model(name).aliases or damage == "read-only"
    process_workspace().close()
    if file.is_dir():
        file.rmdir()
    file.write_bytes(whole)
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    client.set_registered_model_alias(name, "production", "1")


KILLED = """
import os, signal, sys
import mlflow
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
create = SqlAlchemyStore.create_model_version
def die(self, *arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
SqlAlchemyStore.create_model_version = die
mlflow.MlflowClient().create_model_version(sys.argv[1], sys.argv[2])
"""


def test_a_server_that_dies_in_the_middle_doubles_nothing(home, client, name, model, database):
    environ = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{database}",
        "MLFLOW_REGISTRY_URI": f"weightmark+sqlite:///{database}",
    }
    done = subprocess.run(
        [sys.executable, "-c", KILLED, name, model.as_uri()], env=environ, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (versions(client, name), entries(home)) == (0, 1)  # recorded, but MLflow has no version yet
    client.create_model_version(name, model.as_uri())
    assert (versions(client, name), entries(home)) == (1, 2)  # the version, and the entry that links it
    client.set_registered_model_alias(name, "production", "1")


def test_half_an_upload_is_neither_registered_nor_promoted(home, client, name, model):
    import mlflow
    from mlflow.entities import LoggedModelStatus

    logged = mlflow.initialize_logged_model(name="half")
    client.log_model_artifacts(logged.model_id, str(model))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
    message = refused(client.create_model_version, name, f"models:/{logged.model_id}")
    assert "not whole" in message
    assert (versions(client, name), entries(home)) == (0, 0)
    client.create_model_version(name, model.as_uri())
    (model / "model.safetensors").rename(model.parent / "model.safetensors")
    assert "model.safetensors is missing" in refused(
        client.set_registered_model_alias, name, "production", "1"
    )
    (model.parent / "model.safetensors").rename(model / "model.safetensors")
    client.set_registered_model_alias(name, "production", "1")


def test_two_workers_on_one_event_record_it_once(home, client, name, model, database):
    plain = MlflowRegistry(registry_uri=f"sqlite:///{database}")
    bare = plain._finder.client
    version = bare.create_model_version(name, model.as_uri()).version
    uri = f"models:/{name}/{version}"
    event = ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, version=str(version))
    outcomes, barrier = [], threading.Barrier(4)

    def work():
        with Workspace.open() as worker:
            barrier.wait()
            try:
                outcomes.append(worker.follow(event).allowed)
            except Exception as error:
                outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4
    assert entries(home) == 2  # the registration and the link
    assert bare.get_model_version(name, version).tags["weightmark.owner"] == "acme"


def test_a_promotion_that_arrives_before_its_registration_ends_the_same(
    home, client, name, database, tmp_path
):
    model = write_model(tmp_path / "bound", card="---\nlicense: mit\nbase_model: unknown/base\n---\n")
    bare = MlflowRegistry(registry_uri=f"sqlite:///{database}")._finder.client
    bare.create_model_version(name, model.as_uri())
    bare.set_registered_model_alias(name, "production", "1")
    uri = f"models:/{name}/1"
    promoted = ModelEvent(
        kind=EventKind.PROMOTE, uri=uri, name=name, version="1", context={"alias": "production"}
    )
    created = ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, version="1")
    workspace = process_workspace()
    for event in (promoted, created, promoted):
        workspace.follow(event)
    assert entries(home) == 3  # the registration, its base, the link
    assert dict(bare.get_registered_model(name).aliases) == {}
    assert "unknown/base" in bare.get_model_version(name, "1").tags["weightmark.reason"]
