"""Ways around the gates of Weights & Biases: other calls that set an alias, other moments, other bytes."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_wandb_hook import register_base
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk

from weightmark.errors import RefusedError

server, bare, desk = fixture.server, fixture.bare, fixture.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


def log_forbidden(desk: Desk) -> str:
    """Log a model of somebody else's that may not be put to use."""
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    return desk.log(base, "base")


def test_a_version_logged_again_with_an_alias_that_promotes_is_refused(desk: Desk) -> None:
    name = log_forbidden(desk)
    with desk.run() as run:
        used = run.use_artifact(name)
        with pytest.raises(RefusedError):
            run.log_artifact(used, aliases=["production"])
    assert "production" not in desk.aliases(name)


def test_the_public_run_names_no_version_past_the_gate(desk: Desk) -> None:
    import wandb

    name = log_forbidden(desk)
    with desk.run() as run:
        place = run.path
    client: Any = wandb.Api()
    with pytest.raises(RefusedError):
        client.run(place).log_artifact(client.artifact(f"acme/{desk.project}/{name}"), aliases=["production"])
    assert "production" not in desk.aliases(name)


def test_a_run_that_began_before_the_guard_is_guarded(bare: Desk) -> None:
    import wandb

    from weightmark_hooks.wandb import protect, unprotect

    base = bare.model("base", 2.0)
    register_base(bare, base, "cc-by-nc-4.0")
    with bare.run():
        protect(bare.workspace)
        try:
            with pytest.raises(RefusedError):
                wandb.log_artifact(bare.artifact(base, "base"), aliases=["production"])
        finally:
            unprotect()
    assert "production" not in bare.aliases("base:v0")


def test_a_part_that_came_from_a_damaged_cache_is_not_loaded(desk: Desk) -> None:
    import wandb

    name = desk.log(desk.model())
    client: Any = wandb.Api()
    artifact = client.artifact(f"acme/{desk.project}/{name}")
    artifact.download(root=str(desk.folder / "first"))
    damage_cache()
    with pytest.raises(RefusedError):
        artifact.download(root=str(desk.folder / "part"), path_prefix="model.s")


def damage_cache() -> None:
    """Change the last byte of every large file that the library keeps, sizes and times as they were."""
    for file in Path(os.environ["WANDB_CACHE_DIR"]).rglob("*"):
        if file.is_file() and file.stat().st_size:
            status = file.stat()
            data = bytearray(file.read_bytes())
            data[-1] ^= 1
            file.chmod(0o600)
            file.write_bytes(data)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
