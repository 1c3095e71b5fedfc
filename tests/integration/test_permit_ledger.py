"""A gate that runs beside the ledger's other users: what they record there reaches it in time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.workshop import Shell, write_model

from weightmark.errors import GrantRevokedError, NotEntitledError, UndecidedError
from weightmark.workspace import Configuration, Permit, Workspace

pytestmark = pytest.mark.integration


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    write_model(tmp_path / "churn")
    opened = Shell(folder=tmp_path)
    opened.run("register", "churn", "--license", "cc-by-nc-4.0", "--mine")
    return opened


@pytest.fixture
def workspace(shell: Shell, clock: Clock) -> Iterator[Workspace]:
    with Workspace(Configuration.load(), clock=clock) as opened:
        yield opened


def elsewhere(*words: str) -> str:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "weightmark", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def grant(shell: Shell, *more: str) -> str:
    answer = shell.json("grant", "churn", "--to", "bigcorp", "--for", "deploy", *more)
    return str(answer["grant"])


def test_what_another_process_revokes_is_noticed_within_the_recheck(
    shell: Shell, workspace: Workspace
) -> None:
    issued = grant(shell)
    permit = workspace.permit("churn", "deploy", party="bigcorp", recheck=1.0)
    permit.require()
    elsewhere("revoke", issued, "--cause", "not paid")
    assert seconds_until_refused(permit) < 20


def seconds_until_refused(permit: Permit) -> float:
    began = time.monotonic()
    while time.monotonic() < began + 30:
        try:
            permit.require()
        except GrantRevokedError:
            break
        time.sleep(0.01)
    return time.monotonic() - began


def test_what_another_process_grants_is_noticed_too(shell: Shell, workspace: Workspace, clock: Clock) -> None:
    permit = workspace.permit("churn", "deploy", party="bigcorp", recheck=60)
    with pytest.raises(NotEntitledError):
        permit.require()
    elsewhere("grant", "churn", "--to", "bigcorp", "--for", "deploy")
    with pytest.raises(NotEntitledError):
        permit.require()
    clock.ahead = timedelta(seconds=60)
    permit.require()


def test_the_end_of_a_grant_is_noticed_to_the_second(
    shell: Shell, workspace: Workspace, clock: Clock
) -> None:
    grant(shell, "--until", "2099-01-01T12:00:00Z", "--grace-days", "2")
    permit = workspace.permit("churn", "deploy", party="bigcorp", recheck=86_400)
    for moment, code in (
        ("2099-01-01T11:59:59.5", "granted"),
        ("2099-01-01T12:00:00", "grace"),
        ("2099-01-03T11:59:59.5", "grace"),
    ):
        clock.ahead = datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime.now(UTC)
        permit.require()
        decision = permit.look().decision
        assert decision is not None
        assert decision.code == code
    time.sleep(0.6)
    with pytest.raises(NotEntitledError):
        permit.require()


def test_a_ledger_that_is_gone_closes_the_gate_after_patience(
    shell: Shell, workspace: Workspace, clock: Clock
) -> None:
    grant(shell)
    permit = workspace.permit("churn", "deploy", party="bigcorp", recheck=60, patience=30)
    permit.require()
    ledger = next(Path("home").glob("*.db"))
    ledger.write_bytes(b"this is no ledger any more" * 1000)
    for beside in Path("home").glob(f"{ledger.name}-*"):
        beside.unlink()
    permit.require()
    clock.ahead = timedelta(seconds=75)
    permit.require()
    clock.ahead = timedelta(seconds=90)
    with pytest.raises(UndecidedError):
        permit.require()
