"""The guarded registry store on a real PostgreSQL server."""

import importlib.util

import pytest
from tests.integration.mlflow.world import grant, refused
from tests.postgres import serve_postgres
from tests.workshop import write_model

from weightmark.claims import PublicKey, TrustedKey
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace, process_workspace
from weightmark_adapters.mlflow import MlflowRegistry

DRIVER = "psycopg2" if importlib.util.find_spec("psycopg2") else "psycopg"
"""MLflow 3.3 compares numbers with texts, which psycopg 3 does not let pass; psycopg2 does."""

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Start PostgreSQL, let MLflow keep everything in it, and let acme and Openlab have keys."""
    made = tmp_path_factory.mktemp("postgres")
    with serve_postgres() as address, pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("WEIGHTMARK_HOME", str(made / "weightmark"))
        patch.setenv("WEIGHTMARK_PARTY", "acme")
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.setenv(name, "")  # MLflow writes them, and this puts them back
        patch.setattr("weightmark.workspace.asking._opened", {})
        import mlflow

        mlflow.set_tracking_uri(f"postgresql+{DRIVER}://{address}")
        mlflow.set_registry_uri(f"weightmark+postgresql+{DRIVER}://{address}")
        try:
            yield made
        finally:
            process_workspace().close()
            mlflow.set_tracking_uri(None)
            mlflow.set_registry_uri(None)
            _let_go()


def _let_go():
    """Close MLflow's connections, which it keeps as long as the process lives."""
    import gc

    import sqlalchemy

    for engine in [one for one in gc.get_objects() if isinstance(one, sqlalchemy.engine.Engine)]:
        engine.dispose()


@pytest.fixture
def client(folder):
    import mlflow

    return mlflow.MlflowClient()


@pytest.fixture
def base(folder):
    """Let Openlab register a base model that is not for commercial use."""
    key = f"file:{folder / 'openlab.pem'}"
    acme = process_workspace()
    if not (folder / "openlab.pem").exists():
        acme.plugins.signers["file"].generate(key)
        public = PublicKey.from_pem((folder / "openlab.pem.pub").read_bytes(), what="openlab")
        acme.resources.add_trust(TrustedKey(identity="openlab", key=public))
    with Workspace(Configuration.load({"party": "openlab", "signer": key})) as openlab:
        model = write_model(folder / "base", {"w": [1.0]}, card="---\nlicense: cc-by-nc-4.0\n---\n")
        assert openlab.handle(ModelEvent(kind=EventKind.REGISTER, uri=str(model), name="tiny-base")).allowed
        yield openlab


def test_a_version_is_recorded_refused_and_granted(folder, client, base):
    model = write_model(folder / "derived", card="---\nlicense: mit\nbase_model: tiny-base\n---\n")
    client.create_registered_model("sentiment")
    version = client.create_model_version("sentiment", model.as_uri(), tags={"team": "x"})
    tags = client.get_model_version("sentiment", version.version).tags
    assert (tags["weightmark.license"], tags["weightmark.owner"], tags["team"]) == ("MIT", "acme", "x")
    assert "tiny-base" in refused(client.set_registered_model_alias, "sentiment", "production", "1")
    assert "tiny-base" in refused(client.transition_model_version_stage, "sentiment", "1", "Production")
    grant(base, "tiny-base")
    client.set_registered_model_alias("sentiment", "production", "1")
    assert client.get_model_version_by_alias("sentiment", "production").version in {1, "1"}


def test_reserved_tags_and_renames_are_held(folder, client):
    model = write_model(folder / "renamed", {"w": [2.0]}, card="---\nlicense: mit\n---\n")
    client.create_registered_model("before")
    client.create_model_version("before", model.as_uri())
    assert "weightmark." in refused(client.set_model_version_tag, "before", "1", "weightmark.owner", "x")
    assert "weightmark." in refused(client.delete_model_version_tag, "before", "1", "weightmark.receipt")
    client.rename_registered_model("before", "after")
    client.set_registered_model_alias("after", "production", "1")
    assert process_workspace().find("models:/after/1").owner == "acme"


def test_what_is_there_is_listed_and_taken_back(folder, client):
    registry = MlflowRegistry()
    listed = {one.uri: one for one in registry.versions("models:/")}
    assert listed["models:/after/1"].deployed
    event = ModelEvent(kind=EventKind.PROMOTE, uri="models:/after/1", context={"alias": "production"})
    assert registry.withdraw(event, "its licence forbids it")
    assert not next(registry.versions("models:/after")).deployed
    status = registry.inspect()
    assert status.reachable
    assert status.hooked == "guarded store"
    assert "only" not in status.server
