"""The registry of trackio under the suite that a stranger's must pass, and what is its own."""

import sys
from pathlib import Path

import pytest
from tests.integration import trackio_desk
from tests.integration.trackio_desk import Desk
from tests.workshop import flip_byte

from weightmark.errors import DigestMismatchError, MissingExtraError, PlatformError
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind, Fact
from weightmark_adapters.trackio import TrackioRegistry, sdk

bare = trackio_desk.bare
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


class TestTrackio(RegistrySuite):
    registry_type = TrackioRegistry
    unknown = "trackio://churn-lab/nothing:v1"
    malformed = (
        "trackio:",
        "trackio://",
        "trackio://churn-lab",
        "trackio://churn-lab/",
        "trackio://churn-lab/churn:",
        "trackio://../churn:v0",
        "trackio://churn-lab/%2e%2e:v0",
        "trackio://churn-lab/churn:v0/more",
        "trackio://my lab/churn:v0",
        "trackio:/churn-lab/churn:v0",
    )

    @pytest.fixture(autouse=True)
    def _at(self, bare: Desk) -> None:
        self.desk = bare

    def publish(self, folder: Path) -> str:
        return self.desk.log(folder)

    def find_alias(self, uri: str) -> str:
        return uri.replace(":v0", ":latest")

    def listing(self, uri: str) -> str:
        return uri.rpartition("/")[0]

    def promote(self, uri: str) -> ModelEvent:
        import trackio

        trackio.Api().create_registry("prod")
        with self.desk.run() as run:
            linked = run.use_artifact(uri.rpartition("/")[2]).link("registry-prod/churn", ["production"])
        assert linked.source_version == "v0"
        return ModelEvent(kind=EventKind.PROMOTE, uri=uri)

    def test_without_an_alias_it_is_the_latest(self, registry: Registry, uri: str, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(b"others")
        second = self.desk.log(folder)
        assert registry.pin(uri.removesuffix(":v0")) == second == uri.replace(":v0", ":v1")
        assert [one.version for one in registry.versions(uri.removesuffix(":v0"))] == ["v0", "v1"]

    def test_only_models_are_listed_and_a_place_without_any_is_empty(
        self, registry: Registry, uri: str, folder: Path
    ) -> None:
        with self.desk.run() as run:
            run.log_artifact(self.desk.artifact(folder, "rows", "dataset"))
        assert [one.uri for one in registry.versions("trackio://churn-lab")] == [uri]
        assert list(registry.versions("trackio://nowhere")) == []

    def test_a_project_has_one_uri_however_it_is_written(self, registry: Registry, folder: Path) -> None:
        with self.desk.run("churn lab.") as run:
            run.log_artifact(self.desk.artifact(folder))
        assert registry.resolve("trackio://churnlab/churn:v0").uri == "trackio://churnlab/churn:v0"

    def test_what_is_stated_in_metadata_and_what_the_run_used_are_facts(
        self, registry: Registry, uri: str
    ) -> None:
        with self.desk.run("elsewhere") as run:
            rows = run.log_artifact(self.desk.artifact(self.desk.model("rows", 9.0), "rows", "dataset"))
        with self.desk.run() as run:
            run.use_artifact("churn:v0")
            run.use_artifact(rows)
            made = self.desk.artifact(self.desk.model("child", 3.0), "child", license="mit", epochs=3)
            child = self.desk.uri(run.log_artifact(made))
        facts = registry.resolve(child).facts
        assert facts == {
            Fact.LICENSE: "mit",
            Fact.BASE_MODEL: uri,
            Fact.DATASETS: "trackio://elsewhere/rows:v0",
        }

    def test_a_damaged_file_is_found_by_its_digest(self, registry: Registry, uri: str) -> None:
        flip_byte(self.desk.blobs()[-1], 5)
        with pytest.raises(DigestMismatchError, match=r"weights\.bin"):
            registry.resolve(uri)

    def test_a_file_that_is_not_on_this_machine_is_said_to_be(self, registry: Registry, uri: str) -> None:
        self.desk.blobs()[0].unlink()
        with pytest.raises(PlatformError, match="FileNotFoundError"):
            registry.resolve(uri)

    def test_a_reference_cannot_be_fingerprinted(self, registry: Registry, folder: Path) -> None:
        made = self.desk.artifact(folder)
        made.add_reference((folder / "README.md").as_uri(), "card.md")
        with self.desk.run() as run:
            uri = self.desk.uri(run.log_artifact(made))
        with pytest.raises(PlatformError, match=r"only refers to card\.md"):
            registry.resolve(uri)

    def test_a_trackio_of_another_shape_is_said_to_be(
        self, registry: Registry, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import trackio.sqlite_storage

        monkeypatch.delattr(trackio.sqlite_storage.SQLiteStorage, "get_artifact_manifest")
        with pytest.raises(PlatformError, match="AttributeError") as caught:
            registry.resolve(uri)
        assert not caught.value.retryable

    def test_without_trackio_it_says_what_to_install(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "trackio", None)
        with pytest.raises(MissingExtraError):
            sdk.load()
        assert not registry.inspect().installed

    def test_what_is_there_is_inspected(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WEIGHTMARK_HOOKS", raising=False)
        status = registry.inspect()
        assert (status.reachable, status.server) == (True, str(self.desk.store))
        assert "WEIGHTMARK_HOOKS=trackio" in status.hint
        monkeypatch.setenv("WEIGHTMARK_HOOKS", "wandb, trackio")
        assert not registry.inspect().hint
