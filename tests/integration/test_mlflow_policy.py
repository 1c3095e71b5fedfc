"""MLflow's guarded store keeps to the organisation's policy: a promotion that it denies does not happen."""

import pytest
from tests.integration.mlflow.world import QUIET, refused
from tests.workshop import write_model

from weightmark.workspace import process_workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

POLICY = """
name = "acme"

[[rule]]
id = "no-agpl"
when = ["production"]
licences.deny = ["AGPL-*"]
because = "Our services are closed."
ask = "legal@acme.example"
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    import mlflow
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    database = tmp_path / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{database}").engine.dispose()
    for key, value in QUIET.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "weightmark"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.setenv("WEIGHTMARK_POLICY", str(tmp_path / "weightmark-policy.toml"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    monkeypatch.setattr(
        "mlflow.tracking._model_registry.utils._registry_uri", f"weightmark+sqlite:///{database}"
    )
    mlflow.set_tracking_uri(f"sqlite:///{database}")
    (tmp_path / "weightmark-policy.toml").write_text(POLICY)
    yield mlflow.MlflowClient()
    process_workspace().close()
    mlflow.set_tracking_uri(None)


def test_a_promotion_is_refused_by_the_rule_until_the_rule_is_gone(client, tmp_path):
    folder = write_model(tmp_path / "net", card="---\nlicense: agpl-3.0\n---\n")
    client.create_registered_model("net")
    version = client.create_model_version("net", str(folder)).version
    message = refused(client.set_registered_model_alias, "net", "champion", version)
    assert "AGPL-3.0-only, and the rule does not accept AGPL-*: Our services are closed." in message
    assert "acme policy, rule no-agpl (weightmark-policy.toml:4)" in message
    assert "Ask legal@acme.example" in message
    file = tmp_path / "weightmark-policy.toml"
    file.unlink()
    assert "could not be asked" in refused(client.set_registered_model_alias, "net", "champion", version)
    assert "champion" not in client.get_registered_model("net").aliases
    file.write_text(POLICY.replace("AGPL-*", "SSPL-1.0"))
    client.set_registered_model_alias("net", "champion", version)
    assert client.get_registered_model("net").aliases["champion"] == version
