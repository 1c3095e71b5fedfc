"""Licence files from Python: issued from one workspace, verified in another that has no ledger."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.workshop import write_model

from weightmark.claims import GrantClaim, TrustRoot
from weightmark.claims.offline.status_list import Status
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.errors import DigestMismatchError, MalformedError, WeightmarkError
from weightmark.index import RegisteredModel
from weightmark.licensing import Action, Grant, Tier
from weightmark.workspace import (
    Configuration,
    LicenceQuestion,
    LicenceVerdict,
    Workspace,
    issue_licence,
    publish_status,
    verify_licence_file,
)
from weightmark.workspace.offline.clock import ClockKeeper, Uptime
from weightmark.workspace.offline.licence_issuing import edition_at, status_at

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
Verify = Callable[..., LicenceVerdict]


def give(workspace: Workspace, model: RegisteredModel, subject: Digest | None = None) -> Digest:
    """Grant bob the use of a model, by its bundle or by another digest."""
    grant = Grant(
        model=subject or model.bundle,
        licensor="acme",
        grantee="bob",
        tier=Tier.INFERENCE,
        start=NOW - timedelta(days=1),
        end=NOW + timedelta(days=30),
    )
    return workspace.record(model, GrantClaim(grant=grant, issued_at=NOW)).statement.digest


@pytest.fixture
def registered(workspace: Workspace, model: Path) -> RegisteredModel:
    workspace.register(str(model), license_="cc-by-nc-4.0", mine=True)
    return workspace.find("churn")


@pytest.fixture
def verify(workspace: Workspace, plugins: Plugins, tmp_path: Path) -> Verify:
    """Verify on a machine of its own, whose clock stands at the same moment."""
    trust = TrustRoot.decode(workspace.resources.trust.encode())
    home = tmp_path / "edge"
    edge = Workspace(Configuration.load({"home": str(home), "party": "bob"}), plugins, clock=lambda: NOW)
    keeper = ClockKeeper(home / "clock", wall=lambda: NOW, uptime=lambda: Uptime(boot="", seconds=0.0))

    def run(data: bytes, **asked: object) -> LicenceVerdict:
        question = LicenceQuestion(**asked)  # type: ignore[arg-type]
        return verify_licence_file(edge, data, trust, question, keeper=keeper)

    return run


def test_issued_and_verified(
    workspace: Workspace, registered: RegisteredModel, model: Path, verify: Verify
) -> None:
    grant = give(workspace, registered)
    data, licence = issue_licence(workspace.resources, grant, NOW, status_uri="urn:list")
    listed = publish_status(workspace.resources, "urn:list", NOW)
    assert licence.status is not None
    assert listed.token.statuses[licence.status.index] == Status.VALID
    verdict = verify(data, model=str(model), status=listed.signed)
    assert verdict.decision.allowed
    assert verdict.evidence.licence == licence
    assert verdict.fingerprint is not None
    verdict.decision.require()


def test_a_grant_for_the_numbers_holds_for_other_files_with_the_same(
    workspace: Workspace, registered: RegisteredModel, model: Path, verify: Verify
) -> None:
    data, _ = issue_licence(workspace.resources, give(workspace, registered, registered.weights), NOW)
    (model / "notes.txt").write_text("x")
    assert verify(data, model=str(model)).decision.allowed
    other = write_model(model.parent / "other", {"x": [1.0]})
    with pytest.raises(DigestMismatchError):
        verify(data, model=str(other))


def test_a_question_is_about_one_moment_with_a_zone(
    workspace: Workspace, registered: RegisteredModel, verify: Verify
) -> None:
    data, _ = issue_licence(workspace.resources, give(workspace, registered), NOW)
    assert not verify(data, at=NOW + timedelta(days=29), action=Action.RESELL).decision.allowed
    with pytest.raises((WeightmarkError, TypeError)):
        verify(data, at=NOW.replace(tzinfo=None))


def test_a_fresh_grant_counts_on_a_machine_whose_clock_is_a_little_behind(
    workspace: Workspace, registered: RegisteredModel, verify: Verify
) -> None:
    ahead = NOW + timedelta(minutes=3)
    grant = Grant(model=registered.bundle, licensor="acme", grantee="bob", tier=Tier.INFERENCE, start=ahead)
    claim = GrantClaim(grant=grant, issued_at=ahead)
    identifier = workspace.record(registered, claim).statement.digest
    data, _ = issue_licence(workspace.resources, identifier, ahead)
    assert verify(data).decision.allowed


def test_a_renewed_grant_is_issued_in_its_newest_edition(
    workspace: Workspace, registered: RegisteredModel, verify: Verify
) -> None:
    grant = give(workspace, registered)
    workspace.renew(grant, NOW + timedelta(days=300))
    edition = edition_at(workspace.find_grant(grant).editions, NOW)
    data, licence = issue_licence(workspace.resources, grant, NOW)
    assert edition is not None
    assert licence.grant == replace(edition, since=None)
    assert licence.expires_at == NOW + timedelta(days=300)
    assert verify(data, at=NOW + timedelta(days=299)).decision.allowed


def test_many_threads_verify_at_once(
    workspace: Workspace, registered: RegisteredModel, model: Path, verify: Verify
) -> None:
    data, _ = issue_licence(workspace.resources, give(workspace, registered), NOW)
    found: list[bool] = []

    def work() -> None:
        found.extend(verify(data, model=str(model)).decision.allowed for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


def test_two_files_of_one_grant_have_two_ids(workspace: Workspace, registered: RegisteredModel) -> None:
    grant = give(workspace, registered)
    ids = {issue_licence(workspace.resources, grant, NOW)[1].id for _ in range(5)}
    assert len(ids) == 5


def test_a_list_that_would_live_no_time(workspace: Workspace, registered: RegisteredModel) -> None:
    give(workspace, registered)
    for times in ({"ttl": timedelta()}, {"expires": timedelta()}):
        with pytest.raises(MalformedError):
            publish_status(workspace.resources, "urn:list", NOW, **times)


def test_outside_all_editions_a_grant_is_invalid() -> None:
    assert edition_at([], NOW) is None
    assert status_at([], NOW) is Status.INVALID
