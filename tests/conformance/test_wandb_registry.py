"""The registry of Weights & Biases under the suite that a stranger's must pass, and what is its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.integration.wandb.server import KEY

from weightmark.errors import DigestMismatchError, PlatformError
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind, Fact, Tag
from weightmark_adapters.wandb import WandbRegistry, listing
from weightmark_adapters.wandb.metadata import decode_tags

server, bare = fixture.server, fixture.bare
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


class TestWandb(RegistrySuite):
    registry_type = WandbRegistry
    unknown = "wandb://acme/nothing/here:v1"
    malformed = (
        "wandb:",
        "wandb://",
        "wandb://acme",
        "wandb://acme/project",
        "wandb://acme/project/name:",
        "wandb://acme/../name:v1",
        "wandb://acme/%2e%2e/name:v1",
        "wandb://acme/project/name:v1/more",
        "wandb:/acme/project/name:v1",
    )

    @pytest.fixture(autouse=True)
    def _at(self, bare: Desk) -> None:
        self.desk = bare

    def publish(self, folder: Path) -> str:
        return self.desk.uri(self.desk.log(folder))

    def find_alias(self, uri: str) -> str:
        artifact = self.artifact(uri)
        artifact.aliases.append("champion")
        artifact.save()
        return uri.replace(":v0", ":champion")

    def listing(self, uri: str) -> str:
        return uri.rpartition("/")[0]

    def promote(self, uri: str) -> ModelEvent:
        artifact = self.artifact(uri)
        artifact.aliases.append("production")
        artifact.save()
        return ModelEvent(kind=EventKind.PROMOTE, uri=uri, context={"alias": "production"})

    def is_promoted(self, event: ModelEvent) -> bool:
        return "production" in self.desk.aliases(event.uri.rpartition("/")[2])

    def secrets(self) -> tuple[str, ...]:
        return (KEY,)

    def read_tags(self, uri: str) -> Mapping[str, str]:
        return decode_tags(self.desk.metadata(uri.rpartition("/")[2]))

    def artifact(self, uri: str) -> Any:
        import wandb

        return wandb.Api().artifact(uri.removeprefix("wandb://"))

    def test_without_an_alias_it_is_the_latest(self, registry: Registry, uri: str) -> None:
        assert registry.resolve(uri.removesuffix(":v0")).uri == uri

    def test_a_place_in_a_registry_is_the_version_that_it_links_to(
        self, registry: Registry, uri: str
    ) -> None:
        linked = self.artifact(uri).link("wandb-registry-model/churn")
        place = f"wandb://acme-org/wandb-registry-model/{linked.name}"
        assert registry.pin(place) == uri
        assert registry.resolve(place).uri == uri
        (listed,) = [
            one for one in registry.versions("wandb://acme-org/wandb-registry-model") if one.uri == uri
        ]
        assert listed.deployed

    def test_users_keys_stay_and_unchanged_tags_are_not_written_again(self, registry: Registry) -> None:
        name = self.desk.log(self.desk.model(), epochs=3)
        registry.annotate(self.desk.uri(name), {Tag.OWNER.value: "acme"})
        assert self.desk.metadata(name) == {"epochs": 3, "weightmark_owner": "acme"}
        asked = self.desk.server.asked.count("UpdateArtifact")
        registry.annotate(self.desk.uri(name), {Tag.OWNER.value: "acme"})
        assert self.desk.server.asked.count("UpdateArtifact") == asked

    def test_what_is_stated_in_metadata_counts_more_than_the_card(
        self, registry: Registry, folder: Path
    ) -> None:
        uri = self.desk.uri(self.desk.log(folder, license="apache-2.0", base_model_relation="merge"))
        facts = registry.resolve(uri).facts
        assert facts[Fact.LICENSE] == "apache-2.0"
        assert facts[Fact.BASE_MODEL_RELATION] == "merge"
        assert facts[Fact.BASE_MODEL] == "hf:one/base,hf:two/base"

    def test_a_description_with_front_matter_is_a_card(self, registry: Registry) -> None:
        uri = self.desk.uri(self.desk.log(self.desk.model()))
        artifact = self.artifact(uri)
        artifact.description = "---\nlicense: mit\n---\n# Churn\n"
        artifact.save()
        assert registry.resolve(uri).facts == {"license": "mit"}

    def test_what_the_run_used_is_among_the_facts(self, registry: Registry) -> None:
        import wandb

        base = self.desk.log(self.desk.model("base", 2.0), "base")
        with self.desk.run() as run:
            rows = wandb.Artifact("rows", "dataset")
            with rows.new_file("rows.csv") as stream:
                stream.write("1,2")
            run.use_artifact(run.log_artifact(rows).wait())
            run.use_artifact(base)
            child = run.log_artifact(self.desk.artifact(self.desk.model("child", 3.0))).wait().name
        facts = registry.resolve(self.desk.uri(child)).facts
        assert facts[Fact.BASE_MODEL] == self.desk.uri(base)
        assert facts[Fact.DATASETS] == self.desk.uri("rows:v0")

    def test_a_damaged_file_is_found_by_its_digest(self, registry: Registry, uri: str) -> None:
        self.desk.server.corrupt(f"{self.desk.project}/{uri.rpartition('/')[2]}", "weights.bin")
        with pytest.raises(DigestMismatchError, match=r"weights\.bin"):
            registry.resolve(uri)

    def test_many_versions_are_listed_oldest_first_and_page_by_page(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listing, "_PAGE", 2)
        with self.desk.run() as run:
            for number in range(5):
                last = run.log_artifact(self.desk.artifact(self.desk.model(f"m{number}", float(number))))
            last.wait()
            other = run.log_artifact(self.desk.artifact(self.desk.model("other", 77.0), "other")).wait()
        other.aliases.append("production")
        other.save()
        listed = list(registry.versions(f"wandb://acme/{self.desk.project}"))
        assert [one.uri for one in listed] == [self.desk.uri(f"churn:v{n}") for n in range(5)] + [
            self.desk.uri("other:v0")
        ]
        assert [one.deployed for one in listed] == [False] * 5 + [True]
        assert [one.version for one in registry.versions(self.desk.uri("other"))] == ["v0"]
        names = {one.name for one in registry.versions("wandb://acme")}
        assert {"churn", "other"} <= names

    def test_a_place_that_is_not_there_cannot_be_listed(self, registry: Registry) -> None:
        with pytest.raises(PlatformError) as caught:
            list(registry.versions("wandb://acme/nowhere"))
        assert not caught.value.retryable

    def test_a_refusal_leaves_its_reason(self, registry: Registry, uri: str) -> None:
        assert registry.withdraw(self.promote(uri), "the licence forbids it")
        assert self.read_tags(uri)[Tag.REASON] == "the licence forbids it"

    def test_a_link_is_undone(self, registry: Registry, uri: str) -> None:
        linked = self.artifact(uri).link("wandb-registry-model/fraud")
        place = "acme-org-entity/wandb-registry-model/fraud"
        event = ModelEvent(kind=EventKind.PROMOTE, uri=uri, context={"collection": place})
        assert linked.is_link
        assert registry.withdraw(event, "no")
        assert registry.withdraw(event, "no")
        assert not self.artifact(uri).linked_artifacts

    def test_what_has_no_means_is_not_undone(self, registry: Registry, uri: str) -> None:
        assert not registry.withdraw(ModelEvent(kind=EventKind.DEPLOY, uri=uri), "no")

    def test_what_is_there_is_inspected_without_a_secret(self, registry: Registry) -> None:
        status = registry.inspect()
        assert (status.reachable, status.server) == (True, self.desk.server.address)
        assert status.installed
        assert "WEIGHTMARK_HOOKS" in status.hint
