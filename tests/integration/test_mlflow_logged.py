"""The gate for logging: what is refused stays logged, says why, and goes no further."""

import os
from pathlib import Path

import pytest
from examples.mlflow_server import serve

from weightmark.workspace import process_workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

STRICT = 'party = "acme"\n[gates.log]\nrequires = ["attributed"]\n'
UNLICENSED = {"note": "nobody said under which licence"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let MLflow and Weightmark work in this folder; its settings are written by each test."""
    monkeypatch.chdir(tmp_path)
    for key, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "WEIGHTMARK_HOME": str(tmp_path / "weightmark"),
        "WEIGHTMARK_CONFIG": str(tmp_path / "weightmark.toml"),
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    (tmp_path / "weightmark.toml").write_text(STRICT)
    yield tmp_path
    import mlflow

    mlflow.set_tracking_uri(None)


@pytest.fixture
def protected(folder):
    import mlflow

    import weightmark_hooks.mlflow as hook

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    hook.protect()
    yield folder
    hook.unprotect()
    process_workspace().close()


def log(name: str, metadata: dict[str, str], **more: str):
    import mlflow
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0, float(len(name))], [1.0, 0.0]], [0, 1])
    return mlflow.sklearn.log_model(
        model, name=name, metadata=metadata, pip_requirements=["scikit-learn"], **more
    )


def logged(name: str):
    import mlflow

    (found,) = mlflow.search_logged_models(filter_string=f"name = '{name}'", output_format="list")
    return found


def assert_refused_and_kept(name: str) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        log(name, UNLICENSED, registered_model_name=name)
    assert caught.value.error_code == "PERMISSION_DENIED"
    model = logged(name)
    assert str(model.status) == "READY"
    assert model.tags["weightmark.verdict"].startswith("refused")
    assert "child states no licence" in model.tags["weightmark.reason"]
    assert (Path(mlflow.artifacts.download_artifacts(f"models:/{model.model_id}")) / "MLmodel").is_file()
    assert mlflow.MlflowClient().search_registered_models() == []


def test_a_refused_model_stays_logged_with_the_reason_and_is_not_registered(protected):
    assert_refused_and_kept("child")


def test_what_the_gate_allows_is_logged_with_its_receipt(protected):
    info = log("churn", {"license": "mit"})
    assert logged("churn").tags["weightmark.receipt"]
    model = process_workspace().find(logged("churn").tags["weightmark.fingerprint"])
    assert (model.name, info.model_uri) == ("churn", f"models:/{logged('churn').model_id}")


def test_a_ledger_that_is_down_refuses_and_the_model_stays(protected, monkeypatch):
    from mlflow.exceptions import MlflowException

    home = protected / "weightmark"
    home.mkdir()
    (home / "weightmark.db").write_bytes(b"not a database" * 100)
    with pytest.raises(MlflowException, match="could not check, so it refuses to log"):
        log("churn", {"license": "mit"})
    assert str(logged("churn").status) == "READY"
    assert "could not check" in logged("churn").tags["weightmark.reason"]


def test_the_default_gate_reads_and_records_nothing(protected):
    (protected / "weightmark.toml").write_text('party = "acme"\n')
    log("child", UNLICENSED)
    assert not {"weightmark.receipt", "weightmark.verdict"} & logged("child").tags.keys()
    assert not (protected / "weightmark").exists()


def test_a_server_refuses_a_client_that_never_heard_of_weightmark(folder, monkeypatch):
    import mlflow

    environ = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    monkeypatch.delenv("WEIGHTMARK_CONFIG")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with serve(folder / "server", environ) as address:
        mlflow.set_tracking_uri(address)
        assert_refused_and_kept("child")
        log("churn", {"license": "mit"})
        assert logged("churn").tags["weightmark.receipt"]
