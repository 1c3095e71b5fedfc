"""Offline runs, checked before they are sent; and the hook without a line of anybody's code."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.integration.test_wandb_hook import register_base
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.workshop import Shell, flip_byte

from weightmark.errors import MalformedError
from weightmark_hooks.wandb import offline
from weightmark_hooks.wandb.command_line import group
from weightmark_hooks.wandb.journal import read_artifacts

server, bare, desk = fixture.server, fixture.bare, fixture.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


def log_offline(desk: Desk, folder: Path, aliases: list[str] | None = None, **metadata: Any) -> Path:
    """Log a model offline, and give the run's folder."""
    import wandb

    with wandb.init(project=desk.project, dir=str(desk.folder), mode="offline") as run:
        run.log_artifact(desk.artifact(folder, **metadata), aliases=aliases)
    found = max(desk.folder.glob("wandb/offline-run-*"), key=lambda path: path.stat().st_mtime_ns)
    for _ in range(100):  # the library's service writes the file after the run has ended
        if list(read_artifacts(*found.glob("*.wandb"))):
            break
        time.sleep(0.05)
    return found


def staged(run: Path, name: str) -> Path:
    (file,) = run.glob("*.wandb")
    return Path(next(read_artifacts(file)).files[name])


def sync(run: Path) -> Result:
    from wandb.cli.cli import cli

    return CliRunner().invoke(cli, ["sync", str(run)])


def test_an_offline_run_is_registered_then_sent_and_linked(desk: Desk) -> None:
    run = log_offline(desk, desk.model(), epochs=3)
    (finding,) = offline.check(run, desk.workspace)
    assert (finding.refusal, finding.artifact.metadata["epochs"]) == ("", 3)
    result = sync(run)
    assert result.exit_code == 0, result.output
    model = desk.workspace.find(desk.uri("churn:v0"))
    assert desk.metadata("churn:v0")["weightmark_fingerprint"] == model.bundle


def test_a_run_without_our_hook_is_registered_when_it_is_sent(bare: Desk) -> None:
    from weightmark_hooks.wandb import protect, unprotect

    run = log_offline(bare, bare.model(card="---\nlicense: mit\n---\n"))
    protect(bare.workspace)
    try:
        assert sync(run).exit_code == 0
    finally:
        unprotect()
    assert bare.metadata("churn:v0")["weightmark_license"] == "MIT"
    assert bare.workspace.find(bare.uri("churn:v0")).license == "MIT"


def test_a_model_that_was_changed_after_it_was_logged_is_not_sent(desk: Desk) -> None:
    run = log_offline(desk, desk.model())
    file = staged(run, "model.safetensors")
    file.chmod(0o600)
    flip_byte(file, -1)
    result = sync(run)
    assert result.exit_code == 1
    assert "is not what was logged" in result.output
    assert not desk.server.world.find_collection(desk.server.world.project("acme", desk.project), "churn")


def test_a_model_whose_files_are_gone_is_not_sent(desk: Desk) -> None:
    run = log_offline(desk, desk.model())
    staged(run, "config.json").unlink()
    (finding,) = offline.check(run, desk.workspace)
    assert "config.json of 'churn' is not on this machine any more" in finding.refusal


def test_a_promotion_that_is_refused_is_not_sent(desk: Desk) -> None:
    from weightmark.errors import RefusedError
    from weightmark_hooks.wandb import protect, unprotect

    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    with pytest.raises(RefusedError):
        log_offline(desk, base, ["production"])
    unprotect()
    run = log_offline(desk, base, ["production"])
    protect(desk.workspace)
    result = sync(run)
    assert result.exit_code == 1
    assert "refuses to promote" in result.output


def test_the_command_says_what_may_be_sent(desk: Desk) -> None:
    run = log_offline(desk, desk.model())
    env = {"WEIGHTMARK_HOME": str(desk.folder / "home"), "WEIGHTMARK_PARTY": "acme"}
    good = CliRunner().invoke(group, ["check", str(run)], env=env)
    assert (good.exit_code, "churn  may be sent." in good.output) == (0, True)
    staged(run, "config.json").unlink()
    bad = CliRunner().invoke(group, ["check", str(desk.folder / "wandb"), "--json"], env=env)
    assert bad.exit_code == 4
    assert '"allowed": false' in bad.output


def test_damaged_runs_are_said_to_be(desk: Desk, tmp_path: Path) -> None:
    run = log_offline(desk, desk.model())
    (file,) = run.glob("*.wandb")
    flip_byte(file, 100)
    with pytest.raises(MalformedError, match="damaged"):
        offline.check(run, desk.workspace)
    other = tmp_path / "other.wandb"
    other.write_bytes(b"nothing of the kind")
    with pytest.raises(MalformedError, match="not a run"):
        offline.check(other, desk.workspace)
    with pytest.raises(MalformedError, match="no run"):
        offline.check(tmp_path / "model", desk.workspace)


TRAIN = """
import sys, wandb
run = wandb.init(project=sys.argv[2])
artifact = wandb.Artifact("churn", "model")
artifact.add_dir(sys.argv[1])
run.log_artifact(artifact)
"""


def train(desk: Desk, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program that knows nothing of us, and does not even end its run."""
    named = {**os.environ, "WEIGHTMARK_HOME": str(desk.folder / "home"), "WEIGHTMARK_PARTY": "acme", **env}
    command = [sys.executable, "-c", TRAIN, str(desk.model()), desk.project]
    return subprocess.run(
        command, env=named, cwd=desk.folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_program_that_knows_nothing_of_us_is_guarded_by_one_variable(bare: Desk) -> None:
    done = train(bare, WEIGHTMARK_HOOKS="wandb")
    assert done.returncode == 0, done.stderr
    env: dict[str, str | None] = {"WEIGHTMARK_HOME": str(bare.folder / "home"), "WEIGHTMARK_PARTY": "acme"}
    shell = Shell(folder=bare.folder, env=env)
    shell.run("verify", bare.uri("churn:v0"))
    assert "weightmark_fingerprint" in bare.metadata("churn:v0")
    assert bare.workspace.find(bare.uri("churn:v0")).name == "churn"


def test_without_the_variable_nothing_happens(bare: Desk) -> None:
    done = train(bare)
    assert done.returncode == 0, done.stderr
    assert bare.metadata("churn:v0") == {}


def test_the_example_runs(tmp_path: Path) -> None:
    env = {**os.environ, "WEIGHTMARK_HOME": str(tmp_path / "home")}
    command = [sys.executable, str(Path(__file__).parents[2] / "examples" / "wandb_offline.py")]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "may be sent" in done.stdout
    assert "churn is not what was logged" in done.stdout
