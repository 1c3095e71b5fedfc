"""Licence files by somebody who is trusted for something else, and says of themselves what they may."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.licence_files import NOW, Party

from weightmark.claims import GrantClaim, TrustedKey, TrustRoot
from weightmark.claims.offline.licence_file import LicenceFile, sign_licence
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.errors import PolicyError
from weightmark.index import RegisteredModel
from weightmark.licensing import Grant, Tier
from weightmark.workspace import (
    Configuration,
    LicenceQuestion,
    LicenceVerdict,
    Workspace,
    issue_licence,
    verify_licence_file,
)
from weightmark.workspace.offline.clock import ClockKeeper, Uptime
from weightmark.workspace.recording import bundle_of

MALLORY = Party("mallory")


def test_a_registration_shows_nothing_of_one_who_is_not_the_owner(
    workspace: Workspace, plugins: Plugins, model: Path, tmp_path: Path
) -> None:
    workspace.register(str(model), license_="cc-by-nc-4.0", mine=True)
    bundle = bundle_of(workspace.resources, workspace.find("churn"))
    data, theirs = issue_licence(workspace.resources, give(workspace, workspace.find("churn")), NOW)
    mallory = TrustedKey(identity="mallory", key=MALLORY.key)
    trust = TrustRoot.decode(workspace.resources.trust.encode()).add(mallory)
    home = tmp_path / "edge"
    edge = Workspace(Configuration.load({"home": str(home), "party": "bob"}), plugins, clock=lambda: NOW)
    keeper = ClockKeeper(home / "clock", wall=lambda: NOW, uptime=lambda: Uptime(boot="", seconds=0.0))

    def ask(file: bytes, **asked: object) -> LicenceVerdict:
        question = LicenceQuestion(**asked)  # type: ignore[arg-type]
        return verify_licence_file(edge, file, trust, question, keeper=keeper)

    assert ask(data, bundle=bundle).registration is not None
    file = forge(theirs)
    with pytest.raises(PolicyError, match="acme owns churn, and the licence file is mallory's"):
        ask(file, bundle=bundle)
    assert ask(file).registration is None


def give(workspace: Workspace, model: RegisteredModel) -> Digest:
    grant = Grant(
        model=model.bundle,
        licensor="acme",
        grantee="bob",
        tier=Tier.INFERENCE,
        start=NOW - timedelta(days=1),
        end=NOW + timedelta(days=30),
    )
    return workspace.record(model, GrantClaim(grant=grant, issued_at=NOW)).statement.digest


def forge(licence: LicenceFile) -> bytes:
    """Say in mallory's name that the owner lets mallory grant."""
    grant = replace(licence.grant, grant=replace(licence.grant.grant, licensor="mallory", tier=Tier.FULL))
    work = replace(licence.works[0], licensors=frozenset({"mallory"}))
    forged = replace(licence, issuer="mallory", grant=grant, works=(work, *licence.works[1:]))
    return sign_licence(forged, key=MALLORY.key, sign=MALLORY.sign)
