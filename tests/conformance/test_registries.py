"""The registries of this house under the suite that a stranger's registry must pass."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind
from weightmark_adapters.file import FileRegistry
from weightmark_adapters.mlflow import MlflowRegistry


class TestFile(RegistrySuite):
    registry_type = FileRegistry
    unknown = "file:///nothing/is/here"
    malformed = ("file://elsewhere/model", "file:", "file:///nul%00")

    def publish(self, folder: Path) -> str:
        return folder.as_uri()


@pytest.mark.integration
class TestMlflow(RegistrySuite):
    """Without a server: MLflow's own client on a SQLite file."""

    registry_type = MlflowRegistry
    unknown = "models:/nothing/1"
    malformed = (
        "models:/",
        "models://server/name/1",
        "models:/a/b/c",
        "runs:/",
        "runs:/1/../../x",
        "runs:/1/%2e%2e/x",
        "mlflow-artifacts:/%252e%252e/x",
    )

    @pytest.fixture(autouse=True)
    def _database(self, mlflow_database: Path) -> None:
        del mlflow_database

    def publish(self, folder: Path) -> str:
        import mlflow

        client = mlflow.MlflowClient()
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(folder), "model")
        name = f"churn-{run.info.run_id[:8]}"
        client.create_registered_model(name)
        source = f"runs:/{run.info.run_id}/model"
        version = client.create_model_version(name, source, run_id=run.info.run_id)
        return f"models:/{name}/{version.version}"

    def find_alias(self, uri: str) -> str:
        import mlflow

        name, version = uri.removeprefix("models:/").split("/")
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", version)
        return f"models:/{name}@champion"

    def listing(self, uri: str) -> str:
        del uri
        return "models:/"

    def promote(self, uri: str) -> ModelEvent:
        self.find_alias(uri)
        return ModelEvent(kind=EventKind.PROMOTE, uri=uri, context={"alias": "champion"})

    def is_promoted(self, event: ModelEvent) -> bool:
        import mlflow

        name, _ = event.uri.removeprefix("models:/").split("/")
        return "champion" in mlflow.MlflowClient().get_registered_model(name).aliases

    def read_tags(self, uri: str) -> Mapping[str, str]:
        import mlflow

        name, version = uri.removeprefix("models:/").split("/")
        return mlflow.MlflowClient().get_model_version(name, version).tags

    def test_latest_becomes_its_version(self, registry: Registry, uri: str) -> None:
        name = uri.removeprefix("models:/").split("/")[0]
        assert registry.resolve(f"models:/{name}/latest").uri == uri

    def test_what_is_stated_on_the_version_counts_more_than_the_card(
        self, registry: Registry, uri: str
    ) -> None:
        import mlflow

        name, version = uri.removeprefix("models:/").split("/")
        mlflow.MlflowClient().set_model_version_tag(name, version, "license", "apache-2.0")
        facts = registry.resolve(uri).facts
        assert facts == {"license": "apache-2.0", "base_model": "hf:one/base,hf:two/base"}


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let MLflow's client work on a database and an artifact folder of this module."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        patch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{folder / 'mlflow.db'}")
        import mlflow

        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        yield folder
        mlflow.set_tracking_uri(None)
