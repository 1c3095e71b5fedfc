"""``weightmark sync`` on what MLflow has already: killed and begun again, it loses and doubles nothing."""

import os

import pytest
from benchmarks.sync import count_entries, publish_many, run_to_the_end

from weightmark.workspace import Configuration, Workspace
from weightmark_adapters.mlflow import MlflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

VERSIONS = 60


def test_a_sync_that_is_killed_and_begun_again_registers_everything_once(tmp_path):
    database = tmp_path / "mlflow.db"
    publish_many(database, tmp_path / "models", VERSIONS)
    environ = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{database}",
        "WEIGHTMARK_HOME": str(tmp_path / "home"),
        "WEIGHTMARK_PARTY": "acme",
    }
    with Workspace(Configuration.load({"home": str(tmp_path / "home"), "party": "acme"})) as workspace:
        last = run_to_the_end(workspace, environ, [30, 75], how=["--jobs", "2"])
        assert last["ok"]
        assert 0 < last["registered"] < VERSIONS - 30
        assert last["registered"] + last["present"] == VERSIONS
        workspace.resources.catch_up()
        assert count_entries(workspace) == (VERSIONS, VERSIONS, 0)
    registry = MlflowRegistry(tracking_uri=f"sqlite:///{database}", registry_uri=f"sqlite:///{database}")
    listed = list(registry.versions("models:/"))
    assert [one.version for one in listed if one.name == "model-00001"] == [str(i) for i in range(1, 21)]
    assert all("weightmark.receipt" in one.tags for one in listed)
