"""Tokens whose first block says more than its signer was given, or of what they do not own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.licence_files import Party
from tests.usage_chains import BUNDLE, NOW, WEIGHTS, grant, granted, trust
from tests.workshop import write_model

from weightmark.claims import Envelope, GrantClaim, Statement, Subject, TrustedKey
from weightmark.claims import sign as sign_statement
from weightmark.claims.delegation import delegation as delegations
from weightmark.claims.delegation.delegation import Delegation, make_delegation, read_delegation
from weightmark.claims.delegation.narrowing import Narrowing
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.index import RegisteredModel
from weightmark.licensing import Action, Capability, Decision, Grant, IssuedGrant, ReasonCode, Work
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.offline.delegated import known_here
from weightmark.workspace.offline.delegating import Asked, Known, decide_delegated

pytestmark = pytest.mark.integration

LAB, RESELLER = Party("lab"), Party("reseller")
LATER = NOW + timedelta(days=30)
OTHER = frozenset({"sha256:" + "d" * 64})


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    settings = {"home": str(tmp_path / "home"), "party": "acme", "ledger": "memory:"}
    with Workspace(Configuration.load(settings), Plugins(), clock=lambda: NOW) as opened:
        yield opened


def resold(terms: Grant) -> Delegation:
    text = make_delegation(granted(LAB, terms), terms, RESELLER.key, RESELLER.sign)
    return read_delegation(text, trust(LAB, RESELLER), LATER)


def ask(token: Delegation, models: frozenset[str], known: Known | None = None) -> Decision:
    asked = Asked(models=models, action=Action.INFER, party="reseller", at=LATER, used={})
    return decide_delegated(token, asked, known=known)


def test_a_reseller_who_leaves_out_the_check_of_the_model_hands_on_no_other_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forget_the_model(terms: Grant, _: Statement) -> Narrowing:
        return Narrowing(party=terms.grantee)

    monkeypatch.setattr(delegations, "_from_grant", forget_the_model)
    token = resold(grant(0, sublicense=True))
    assert ask(token, frozenset({BUNDLE})).allowed
    refused = ask(token, OTHER)
    assert (refused.allowed, refused.code) == (False, ReasonCode.GRANT_TOO_NARROW)
    assert "is not the model at hand" in refused.reasons[0].message


def test_a_reseller_who_may_not_sublicense_any_more_has_no_good_tokens() -> None:
    token = resold(grant(0, sublicense=True))
    work = Work(name="net", subject=BUNDLE, weights=WEIGHTS, owner="lab")
    issued = IssuedGrant(id=token.id, grant=token.grant)
    models = frozenset({BUNDLE})
    assert ask(token, models, Known(editions=(issued,), works=(work,))).allowed
    amended = replace(token.grant, capabilities=frozenset({Capability.INFER}))
    refused = ask(token, models, Known(editions=(replace(issued, grant=amended),), works=(work,)))
    assert "may no longer sublicense" in refused.reasons[0].message


def foreign(model: RegisteredModel, bundle: Digest) -> tuple[Envelope, Grant]:
    """A grant of the lab's, which the ledger never saw, for a model of somebody else's."""
    terms = grant(0, model=model.weights if bundle != model.bundle else bundle)
    subject = Subject(name="mine", bundle=bundle, weights=model.weights)
    claim = GrantClaim(grant=terms, issued_at=NOW)
    return sign_statement(Statement(subject=subject, claim=claim), [LAB.sign]), terms


@pytest.mark.parametrize("same_files", [True, False])
def test_a_grant_that_the_ledger_never_saw_counts_for_nothing_against_the_owner_it_knows(
    workspace: Workspace, tmp_path: Path, same_files: bool
) -> None:
    workspace.register(str(write_model(tmp_path / "churn")), license_="cc-by-nc-4.0", mine=True)
    model = workspace.find("churn")
    workspace.resources.add_trust(TrustedKey(identity="lab", key=LAB.key))
    envelope, terms = foreign(model, model.bundle if same_files else BUNDLE)
    token = read_delegation(
        make_delegation(envelope, terms, LAB.key, LAB.sign), workspace.resources.trust, LATER
    )
    models = frozenset({str(model.bundle), str(model.weights)})
    refused = ask(token, models, known_here(workspace.resources, token))
    assert (refused.allowed, refused.code) == (False, ReasonCode.GRANT_NOT_FROM_OWNER)
