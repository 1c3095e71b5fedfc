"""A desk for the tests: the stand-in server, the library set to it, and a workspace that is asked."""

import os
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.wandb.server import KEY, Server, serving
from tests.workshop import write_model

from weightmark.workspace import Workspace

ENTITY = "acme"


@dataclass(kw_only=True)
class Desk:
    """What a test works with.

    Attributes:
        server: the stand-in.
        workspace: who is asked; speaks for ``acme``.
        folder: of this test.
        project: of this test.
    """

    server: Server
    workspace: Workspace
    folder: Path
    project: str

    def model(self, name: str = "model", seed: float = 1.0, *, card: str = "") -> Path:
        """Write a small model whose numbers are this test's own."""
        layers = {"dense.weight": [seed, float(len(self.project)), hash(self.project) % 1000 / 7]}
        return write_model(self.folder / name, layers, card=card)

    def artifact(self, folder: Path, name: str = "churn", **metadata: Any) -> Any:
        """Make an artifact of a folder."""
        import wandb

        made = wandb.Artifact(name, "model", metadata=metadata)
        made.add_dir(str(folder))
        return made

    def run(self, **kwargs: Any) -> Any:
        """Begin a run."""
        import wandb

        return wandb.init(project=self.project, dir=str(self.folder), **kwargs)

    def log(
        self, folder: Path, name: str = "churn", aliases: list[str] | None = None, **metadata: Any
    ) -> str:
        """Log a folder in a run of its own, and give the version's name."""
        with self.run() as run:
            made = run.log_artifact(self.artifact(folder, name, **metadata), aliases=aliases).wait()
            return str(made.name)

    def empty_cache(self) -> None:
        """Forget what the library keeps of artifacts on this machine."""
        shutil.rmtree(os.environ["WANDB_CACHE_DIR"], ignore_errors=True)

    def uri(self, name: str) -> str:
        """Give a version's URI."""
        return f"wandb://{ENTITY}/{self.project}/{name}"

    def metadata(self, name: str) -> dict[str, Any]:
        """Read a version's metadata past the library."""
        return self.server.metadata(f"{self.project}/{name}")

    def aliases(self, name: str) -> list[str]:
        """Read a version's aliases past the library."""
        return self.server.version(f"{self.project}/{name}").memberships[0].aliases


def settings(folder: Path, address: str) -> dict[str, str]:
    """Give the environment of a machine that knows the stand-in only."""
    return {
        "WANDB_BASE_URL": address,
        "WANDB_API_KEY": KEY,
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CONSOLE": "off",
        "WANDB_DISABLE_CODE": "true",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_X_DISABLE_MACHINE_INFO": "true",
        "WANDB_X_DISABLE_META": "true",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_X_SAVE_REQUIREMENTS": "false",
        "WANDB_DIR": str(folder),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_CONFIG_DIR": str(folder / "config"),
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_ARTIFACT_DIR": str(folder / "artifacts"),
        "DO_NOT_TRACK": "true",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the stand-in, with the library set to it, for one module of tests."""
    folder = tmp_path_factory.mktemp("wandb")
    with serving(folder / "server") as running, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB")]:
            patch.delenv(name)
        for name, value in settings(folder, running.address).items():
            patch.setenv(name, value)
        import wandb

        yield running
        running.faults.clear()
        wandb.teardown()


@pytest.fixture
def bare(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Give a desk where the library is not guarded."""
    with Workspace.open(home=str(tmp_path / "home"), party="acme") as workspace:
        project = f"p{abs(hash(request.node.nodeid)) % 10**8}-{time.monotonic_ns() % 1000}"
        yield Desk(server=server, workspace=workspace, folder=tmp_path, project=project)
        server.faults.clear()


@pytest.fixture
def desk(bare: Desk) -> Generator[Desk]:
    """Give a desk where the library is guarded."""
    import wandb

    from weightmark_hooks.wandb import protect, unprotect

    protect(bare.workspace)
    try:
        yield bare
    finally:
        if wandb.run is not None:
            wandb.finish()
        unprotect()
