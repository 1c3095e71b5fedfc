"""MLflow guarded in the client's own process: no server, no line changed in anybody's training code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workshop import flip_byte, write_model

from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import process_workspace
from weightmark_adapters.mlflow import MlflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Let MLflow work on a database of this module, and protect it before it is told which."""
    made = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("WEIGHTMARK_HOME", str(made / "weightmark"))
        patch.setenv("WEIGHTMARK_PARTY", "acme")
        patch.setenv("WEIGHTMARK_LINK", "https://weightmark.example.org")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made / 'before.db'}")
        patch.setattr("weightmark.workspace.asking._opened", {})
        import mlflow

        import weightmark_hooks.mlflow as hook

        mlflow.set_tracking_uri(None)
        hook.protect()
        mlflow.set_tracking_uri(f"sqlite:///{made / 'mlflow.db'}")
        try:
            yield made
        finally:
            hook.unprotect()
            mlflow.set_tracking_uri(None)
            process_workspace().close()


@pytest.fixture
def client(folder):
    import mlflow

    return mlflow.MlflowClient()


def log(folder: Path, name: str, **metadata) -> str:
    """Log a tiny scikit-learn model; give its URI."""
    import mlflow
    from sklearn.linear_model import LogisticRegression

    seed = float(sum(map(ord, name)))
    model = LogisticRegression().fit([[0.0, seed], [1.0, 0.0]], [0, 1])
    kept = metadata or {"license": "mit"}
    info = mlflow.sklearn.log_model(model, name=name, metadata=kept, pip_requirements=["scikit-learn"])
    return info.model_uri


def files_of(uri: str) -> Path:
    return MlflowRegistry().resolve(uri).path


def refused(call, *arguments) -> str:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert caught.value.error_code == "PERMISSION_DENIED"
    return str(caught.value)


def test_what_is_registered_after_the_address_is_set_is_recorded(folder, client):
    import mlflow

    uri = log(folder, "churn")
    version = mlflow.register_model(uri, "churn")
    tags = client.get_model_version("churn", version.version).tags
    assert tags["weightmark.owner"] == "acme"
    assert tags["weightmark.link"].startswith("https://weightmark.example.org/models/sha256:")
    model = client.get_logged_model(uri.removeprefix("models:/"))
    assert model.tags["weightmark.receipt"] == tags["weightmark.receipt"]
    assert client.get_model_version("churn", "1").description == (
        f"[Recorded by Weightmark]({tags['weightmark.link']})"
    )
    assert mlflow.get_registry_uri() == f"sqlite:///{folder / 'mlflow.db'}"
    assert not (folder / "before.db").exists()


def test_a_client_that_names_its_registry_is_guarded_too(folder, client):
    import mlflow

    named = mlflow.MlflowClient(registry_uri=f"sqlite:///{folder / 'mlflow.db'}")
    assert "weightmark." in refused(named.create_registered_model, "x", {"weightmark.owner": "mallory"})


def test_tampered_bytes_are_not_loaded_by_any_name(folder, client):
    import mlflow

    with mlflow.start_run() as run:
        uri = log(folder, "ranker")
    mlflow.register_model(uri, "ranker")
    client.set_registered_model_alias("ranker", "champion", "1")
    names = ("models:/ranker/1", "models:/ranker@champion", uri, f"runs:/{run.info.run_id}/ranker")
    for name in names:
        assert mlflow.pyfunc.load_model(name).predict([[0.0, 1.0]]).shape == (1,)
        assert mlflow.sklearn.load_model(name).coef_.shape == (1, 2)
    file = next(files_of(uri).glob("model.*"))
    flip_byte(file, -1)
    for name in names:
        for load in (mlflow.pyfunc.load_model, mlflow.sklearn.load_model):
            message = refused(load, name)
            assert "models:/ranker/1 is not what was registered" in message
            assert file.name in message
    assert file.name in refused(mlflow.artifacts.download_artifacts, "models:/ranker/1")
    flip_byte(file, -1)
    assert mlflow.sklearn.load_model("models:/ranker/1").coef_.shape == (1, 2)


def test_what_nobody_registered_is_loaded(folder, client):
    import mlflow

    uri = log(folder, "sketch")
    flip_byte(files_of(uri) / "MLmodel", -2)
    assert mlflow.artifacts.download_artifacts(uri)


def test_a_gate_that_asks_for_registration_holds_for_logged_models(folder, client, monkeypatch):
    import mlflow

    uri = log(folder, "draft")
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    settings = folder / "strict.toml"
    settings.write_text('[gates.load]\nrequires = ["registered"]\n')
    monkeypatch.setenv("WEIGHTMARK_CONFIG", str(settings))
    assert "not registered" in refused(mlflow.sklearn.load_model, uri)
    mlflow.register_model(uri, "draft")
    assert mlflow.sklearn.load_model(uri).coef_.shape == (1, 2)
    process_workspace().close()


def test_a_base_model_that_is_stated_later_counts_at_the_promotion(folder, client):
    import mlflow

    mlflow.register_model(log(folder, "late"), "late")
    client.set_registered_model_alias("late", "first", "1")
    client.set_model_version_tag("late", "1", "base_model", "unknown/base")
    assert "unknown/base" in refused(client.set_registered_model_alias, "late", "second", "1")
    client.set_model_version_tag("late", "1", "base_model", "models:/churn/1")
    assert "unknown/base" in refused(client.set_registered_model_alias, "late", "second", "1")


def test_a_licence_that_is_stated_later_can_only_forbid(folder, client):
    import mlflow

    mlflow.register_model(log(folder, "tagged"), "tagged")
    client.set_model_version_tag("tagged", "1", "license", "cc-by-nc-4.0")
    assert "CC-BY-NC-4.0" in refused(client.set_registered_model_alias, "tagged", "production", "1")
    client.set_model_version_tag("tagged", "1", "license", "apache-2.0")
    client.set_registered_model_alias("tagged", "production", "1")
    mlflow.register_model(log(folder, "bound", license="cc-by-nc-4.0"), "bound")
    client.set_model_version_tag("bound", "1", "license", "cc0-1.0")
    assert "CC-BY-NC-4.0" in refused(client.set_registered_model_alias, "bound", "production", "1")


def test_data_sets_and_used_models_are_the_lineage(folder, client):
    import mlflow
    import numpy as np
    from mlflow.entities import LoggedModelInput

    base = log(folder, "base")
    mlflow.register_model(base, "base")
    data = mlflow.data.from_numpy(np.eye(2), name="sales, 2026")
    held_out = mlflow.data.from_numpy(np.eye(3), name="held-out")
    measured = mlflow.data.from_numpy(np.eye(4), name="measured")
    with mlflow.start_run():
        mlflow.log_input(data, context="training")
        with mlflow.start_run(nested=True) as run:
            mlflow.log_input(held_out, context="evaluation")
            used = LoggedModelInput(model_id=base.removeprefix("models:/"))
            client.log_inputs(run.info.run_id, models=[used])
            uri = log(folder, "derived")
            model_id = uri.removeprefix("models:/")
            mlflow.log_metric("accuracy", 0.9, dataset=measured, model_id=model_id)
    facts = MlflowRegistry().resolve(uri).facts
    assert facts["datasets"] == f"mlflow-dataset:/sales%2C%202026@{data.digest}"
    assert facts["evaluated_on"].split(",") == [
        f"mlflow-dataset:/held-out@{held_out.digest}",
        f"mlflow-dataset:/measured@{measured.digest}",
    ]
    assert facts["base_model"] == "models:/base/1"
    mlflow.register_model(uri, "derived")
    workspace = process_workspace()
    model, base_model = workspace.find("models:/derived/1"), workspace.find("models:/base/1")
    parents = workspace.resources.index.parents(model.bundle)
    assert {(parent.relation, parent.bundle or parent.uri) for parent in parents} == {
        ("fine-tune", base_model.bundle),
        ("trained-on", facts["datasets"]),
        *(("evaluated-on", uri) for uri in facts["evaluated_on"].split(",")),
    }


def test_a_model_that_a_run_only_measured_is_no_base(folder, client):
    import mlflow
    from mlflow.entities import LoggedModelInput

    other = log(folder, "other").removeprefix("models:/")
    with mlflow.start_run() as run:
        uri = log(folder, "measurer")
        client.log_inputs(run.info.run_id, models=[LoggedModelInput(model_id=other)])
        mlflow.log_metric("accuracy", 0.9, model_id=other)
    assert "base_model" not in MlflowRegistry().resolve(uri).facts


def test_the_registry_lists_what_is_there_oldest_first(folder, client, monkeypatch):
    from weightmark_adapters.mlflow import listing

    monkeypatch.setattr(listing, "PAGE", 2)
    model = write_model(folder / "listed-model")
    client.create_registered_model("listed")
    client.create_registered_model("listed-2")
    for name in ("listed", "listed-2", "listed"):
        client.create_model_version(name, model.as_uri())
    client.set_registered_model_alias("listed", "champion", "1")
    client.transition_model_version_stage("listed-2", "1", "Staging")
    found = list(MlflowRegistry().versions("models:/"))
    ours = [one for one in found if one.name.startswith("listed")]
    assert [one.uri for one in ours] == ["models:/listed/1", "models:/listed-2/1", "models:/listed/2"]
    assert [one.deployed for one in ours] == [True, True, False]
    assert ours[0].tags["weightmark.owner"] == "acme"
    assert len(found) > 4
    assert [one.version for one in MlflowRegistry().versions("models:/listed")] == ["1", "2"]


def test_a_refused_use_is_taken_back(folder, client):
    registry = MlflowRegistry()
    model = write_model(folder / "withdrawn-model", {"w": [7.0]})
    client.create_registered_model("withdrawn")
    client.create_model_version("withdrawn", model.as_uri())
    for alias in ("production", "other"):
        client.set_registered_model_alias("withdrawn", alias, "1")
    client.transition_model_version_stage("withdrawn", "1", "Production")

    def event(**context):
        return ModelEvent(kind=EventKind.PROMOTE, uri="models:/withdrawn/1", context=context)

    for _ in range(2):
        assert registry.withdraw(event(alias="production"), "its licence forbids it")
        assert list(client.get_registered_model("withdrawn").aliases) == ["other"]
    assert client.get_model_version("withdrawn", "1").tags["weightmark.reason"] == "its licence forbids it"
    assert registry.withdraw(event(stage="Production"), "its licence forbids it")
    assert client.get_model_version("withdrawn", "1").current_stage == "None"
    assert registry.withdraw(event(), "revoked")
    assert dict(client.get_registered_model("withdrawn").aliases) == {}
    assert not registry.withdraw(ModelEvent(kind=EventKind.PROMOTE, uri="runs:/1/x"), "x")


def test_a_persons_own_description_is_left_alone(folder, client):
    model = write_model(folder / "described-model", {"w": [8.0]})
    client.create_registered_model("described")
    client.create_model_version("described", model.as_uri(), description="mine")
    tags = {"weightmark.link": "https://weightmark.example.org/models/new"}
    MlflowRegistry().annotate("models:/described/1", tags)
    assert client.get_model_version("described", "1").description == "mine"
    client.update_model_version("described", "1", "")
    MlflowRegistry().annotate("models:/described/1", tags)
    found = client.get_model_version("described", "1")
    assert found.description == "[Recorded by Weightmark](https://weightmark.example.org/models/new)"


def test_a_run_says_who_looked_on(folder, client):
    import mlflow

    import weightmark

    with mlflow.start_run() as run:
        pass
    tags = client.get_run(run.info.run_id).data.tags
    assert tags["weightmark.version"] == weightmark.__version__
    assert tags["weightmark.party"] == "acme"
    assert tags["weightmark.ledger"] == process_workspace().resources.ledger.origin


def test_the_doctor_sees_what_is_there(folder, monkeypatch):
    import mlflow

    status = MlflowRegistry().inspect()
    assert (status.installed, status.hooked) == (mlflow.__version__, "WEIGHTMARK_HOOKS")
    assert status.server == f"sqlite:///{folder / 'mlflow.db'}"
    assert status.reachable
    nowhere = MlflowRegistry(tracking_uri="postgresql://me:secret@127.0.0.1:9/x").inspect()
    assert nowhere.reachable is False
    assert "secret" not in repr(nowhere)
    nowhere = MlflowRegistry(tracking_uri="http://me:secret@127.0.0.1:9").inspect()
    assert (nowhere.server, nowhere.reachable) == ("http://127.0.0.1:9", False)
    assert "secret" not in repr(nowhere)


SCRIPT = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()
client.create_registered_model("plain")
version = client.create_model_version("plain", "model")
assert version.tags["weightmark.owner"] == "acme", version.tags
try:
    client.set_registered_model_alias("plain", "production", "1")
except mlflow.MlflowException as error:
    print(error.error_code, error)
"""


def test_one_environment_variable_guards_a_script_that_knows_nothing(folder, tmp_path):
    write_model(tmp_path / "model", card="---\nbase_model: unknown/base\n---\n")
    environ = {**os.environ, "WEIGHTMARK_HOOKS": "mlflow", "WEIGHTMARK_HOME": str(tmp_path / "home")}
    environ.pop("MLFLOW_TRACKING_URI")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PERMISSION_DENIED")
    assert "unknown/base" in done.stdout


def test_taken_away_it_leaves_nothing_behind(folder, client, monkeypatch):
    import mlflow

    import weightmark_hooks.mlflow as hook
    from weightmark_hooks.mlflow.protection import is_protected

    hook.protect()
    hook.unprotect()
    hook.unprotect()
    try:
        assert not is_protected()
        assert "WEIGHTMARK_HOOKS" not in os.environ
        client.create_registered_model("free", {"weightmark.owner": "anybody"})
        assert "download_artifacts" in vars(
            mlflow.store.artifact.models_artifact_repo.ModelsArtifactRepository
        )
    finally:
        hook.protect()
