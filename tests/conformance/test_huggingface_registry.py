"""The Hub's registry under the suite that a stranger's registry must pass."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest
from tests.integration.huggingface.world import ACME, World, world
from tests.workshop import write_model

from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind
from weightmark_adapters.huggingface import HuggingfaceRegistry

__all__ = ["world"]

_numbers = count()


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore")
class TestHuggingface(RegistrySuite):
    registry_type = HuggingfaceRegistry
    unknown = "hf://acme/nothing"
    malformed = (
        "hf:",
        "hf://",
        "hf://acme",
        "hf://acme/churn@",
        "hf://acme/../x",
        "hf://acme/churn@a..b",
        "hf://datasets/acme/churn",
        "hf://acme/churn/file.bin",
    )

    @pytest.fixture(autouse=True)
    def _world(self, world: World) -> None:
        self.world = world

    def publish(self, folder: Path) -> str:
        """Publish a tagged commit that the default branch has left behind."""
        name, shelf = f"acme/model-{next(_numbers)}", self.world.hub.shelf
        sha = shelf.publish(name, folder)
        shelf.repos[name].tags["v1"] = sha
        shelf.publish(name, write_model(self.world.folder / name.replace("/", "-")))
        return f"hf://{name}@{sha}"

    def find_alias(self, uri: str) -> str:
        return uri.partition("@")[0] + "@v1"

    def listing(self, uri: str) -> str:
        return uri.partition("@")[0]

    def promote(self, uri: str) -> ModelEvent:
        """Let the default branch point at it, which is what counts as a use on the Hub."""
        name, _, sha = uri.removeprefix("hf://").partition("@")
        self.world.hub.shelf.repos[name].branches["main"] = sha
        return ModelEvent(kind=EventKind.DEPLOY, uri=uri, name=name, version=sha)

    def secrets(self) -> Sequence[str]:
        return (ACME,)

    def read_tags(self, uri: str) -> Mapping[str, str]:
        return HuggingfaceRegistry().read_tags(uri)

    def test_a_branch_a_tag_and_a_pull_request_become_their_commits(
        self, registry: Registry, uri: str
    ) -> None:
        repo = self.world.hub.shelf.repos[uri.removeprefix("hf://").partition("@")[0]]
        self.promote(uri)
        repo.tags["v1.0"] = repo.pulls["refs/pr/1"] = uri.partition("@")[2]
        bare = uri.partition("@")[0]
        for revision in ("main", "v1.0", "refs%2Fpr%2F1"):
            assert registry.pin(f"{bare}@{revision}") == uri

    def test_annotating_makes_no_other_version(self, registry: Registry, uri: str) -> None:
        self.promote(uri)
        before = registry.resolve(uri.partition("@")[0])
        registry.annotate(uri, {"weightmark.owner": "acme"})
        registry.annotate(uri, {"weightmark.owner": "acme"})
        after = registry.resolve(uri.partition("@")[0])
        assert (after.uri, after.version) == (before.uri, before.version) == (uri, uri.partition("@")[2])
        assert len(self.world.hub.calls("/commit/")) == 1
