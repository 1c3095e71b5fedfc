"""The tests' own platform under the suite: every part of the suite runs here, none is left out."""

import os
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import pytest
from tests import shelf
from tests.shelf import Shelf, ShelfRegistry

from weightmark import EventKind, ModelEvent
from weightmark.testing.registry import RegistrySuite


class TestShelf(RegistrySuite):
    registry_type = ShelfRegistry
    unknown = "shelf:/nothing/1"
    malformed = ("shelf:", "shelf:/a/b/c", "shelf:/../1")

    @pytest.fixture(autouse=True)
    def _shelf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(shelf.ROOT, str(tmp_path / "shelf"))

    @property
    def platform(self) -> Shelf:
        return Shelf(Path(os.environ[shelf.ROOT]))

    def publish(self, folder: Path) -> str:
        name = f"m-{uuid4().hex[:8]}"
        copytree(folder, self.platform.models / name / "1")
        return f"shelf:/{name}/1"

    def find_alias(self, uri: str) -> str:
        name, version = uri.removeprefix("shelf:/").split("/")
        self.platform.point(name, "champion", version)
        return f"shelf:/{name}@champion"

    def listing(self, uri: str) -> str:
        return f"shelf:/{uri.removeprefix('shelf:/').split('/')[0]}"

    def promote(self, uri: str) -> ModelEvent:
        name, version = uri.removeprefix("shelf:/").split("/")
        self.platform.point(name, "prod", version)
        return ModelEvent(
            kind=EventKind.PROMOTE, uri=uri, name=name, version=version, context={"alias": "prod"}
        )

    def is_promoted(self, event: ModelEvent) -> bool:
        return self.platform.alias(event.name, event.context["alias"]) is not None

    def read_tags(self, uri: str) -> Mapping[str, str]:
        return self.platform.tags(uri)
