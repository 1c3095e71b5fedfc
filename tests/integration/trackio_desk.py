"""A desk for the tests: trackio in a folder of its own, and a workspace that is asked."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.workshop import write_model

from weightmark.workspace import Workspace

PROJECT = "churn-lab"


@dataclass(kw_only=True)
class Desk:
    """What a test works with.

    Attributes:
        workspace: who is asked; speaks for ``acme``.
        folder: of this test.
        store: where trackio keeps what is logged.
    """

    workspace: Workspace
    folder: Path
    store: Path

    def model(self, name: str = "model", seed: float = 1.0, *, card: str = "") -> Path:
        return write_model(self.folder / name, {"dense.weight": [seed, 2.0, 3.0]}, card=card)

    def artifact(self, folder: Path, name: str = "churn", kind: str = "model", **metadata: Any) -> Any:
        import trackio

        made = trackio.Artifact(name, kind, metadata=metadata)
        made.add_dir(folder)
        return made

    @contextmanager
    def run(self, project: str = PROJECT) -> Iterator[Any]:
        import trackio

        run = trackio.init(project=project, auto_log_gpu=False, auto_log_cpu=False, embed=False)
        try:
            yield run
        finally:
            trackio.finish()

    def log(self, folder: Path, name: str = "churn", **metadata: Any) -> str:
        """Log a folder in a run of its own, and give the version's URI."""
        with self.run() as run:
            return self.uri(run.log_artifact(self.artifact(folder, name, **metadata)))

    def uri(self, artifact: Any) -> str:
        return f"trackio://{artifact.qualified_name}"

    def stored(self, name: str) -> dict[str, Any]:
        """Read a version's metadata as trackio's own server gives it."""
        from trackio.server import get_artifact_manifest

        base, _, spec = name.partition(":")
        record = get_artifact_manifest(PROJECT, base, spec)
        return dict(record["metadata"] or {})

    def blobs(self) -> list[Path]:
        """Give the files of the content store, the smallest first."""
        found = [path for path in self.store.glob("artifacts/*/blobs/sha256/*/*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a desk where trackio is not guarded; it reads TRACKIO_DIR once, when it is imported."""
    for name in [name for name in os.environ if name.startswith("TRACKIO_")]:
        monkeypatch.delenv(name)
    store = tmp_path / "trackio"
    store.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable would last
    monkeypatch.setenv("TRACKIO_DIR", str(store))
    monkeypatch.chdir(tmp_path)
    import trackio.registry_storage
    import trackio.run  # noqa: F401

    places = {"TRACKIO_DIR": store, "MEDIA_DIR": store / "media", "ARTIFACTS_DIR": store / "artifacts"}
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "trackio"]:
        for name in places.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, places[name])
    with Workspace.open(home=str(tmp_path / "home"), party="acme") as workspace:
        yield Desk(workspace=workspace, folder=tmp_path, store=store)


@pytest.fixture
def desk(bare: Desk) -> Iterator[Desk]:
    """Give a desk where trackio is guarded."""
    from weightmark_hooks.trackio import protect, unprotect

    protect(bare.workspace)
    try:
        yield bare
    finally:
        unprotect()
