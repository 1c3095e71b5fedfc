"""Grants: giving them, and everything that is said about them afterwards.

Before anything is signed, the index is asked whether it would count: by the rules that it will be read by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from weightmark.claims import (
    Amendment,
    Assignment,
    Consent,
    GrantChange,
    GrantClaim,
    Ground,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Statement,
    Subject,
    Suspension,
)
from weightmark.encoding import Digest, format_time, is_digest
from weightmark.errors import GrantRevokedError, NotEntitledError, UnknownGrantError
from weightmark.index import KnownGrant, RegisteredModel
from weightmark.index.waiting import describe_wait
from weightmark.licensing import Assigned, Grant, GrantState, IssuedGrant, Revoked
from weightmark.licensing.window import Phase
from weightmark.workspace.grant_name import name_grant
from weightmark.workspace.inquiry import Inquiry
from weightmark.workspace.recording import Recorded, record
from weightmark.workspace.resource import Resources

TOLERANCE = timedelta(minutes=5)
"""How far after this machine's clock the moment may lie at which something is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """What was recorded about a grant, and what the grant is now.

    Attributes:
        recorded: the statement, and the ledger's receipt.
        known: the grant with its life.
    """

    recorded: Recorded
    known: KnownGrant


def find_grant(resources: Resources, identifier: str) -> KnownGrant:
    """Find a grant by its id, which is the digest of the statement that gave it.

    Raises:
        UnknownGrantError: the ledger has no such grant.
        LedgerError: the ledger or the index cannot be read.
    """
    resources.catch_up()
    known = resources.index.grant(Digest(identifier)) if is_digest(identifier) else None
    if known is None:
        raise UnknownGrantError(
            f"the ledger has no grant {identifier[:80]}",
            hint="See the ids with `weightmark grants list MODEL`, or with `weightmark history MODEL`.",
        )
    return known


def give_grant(resources: Resources, model: RegisteredModel, grant: Grant, at: datetime) -> GrantRecord:
    """Grant a party the right to use a model, or a part of one's own right to use it.

    Args:
        resources: whose key, which ledger.
        model: it.
        grant: what is given; with ``parent`` it is a sublicence.
        at: the present time.

    Raises:
        NotEntitledError: our party may not give it; nothing was signed.
        MalformedError: it is too long to be signed.
        LedgerError: recording failed; says whether it may have happened.
    """
    with resources.alone():
        resources.catch_up()
        recorded = _say(resources, model, GrantClaim(grant=grant, issued_at=at), at)
    return GrantRecord(recorded=recorded, known=find_grant(resources, recorded.statement.digest))


def change_grant(resources: Resources, identifier: str, claim: GrantChange, at: datetime) -> GrantRecord:
    """Say something about a grant: consent, change, suspend, renew, hand over, seat, revoke.

    Args:
        resources: whose key, which ledger.
        identifier: the grant's id.
        claim: what is said; a consent may be to a change of the grant.
        at: the present time.

    Raises:
        NotEntitledError: it would not count; nothing was signed.
        GrantRevokedError: the grant was revoked; nothing was signed.
        LedgerError: recording failed; says whether it may have happened.
    """
    with resources.alone():
        known = find_grant(resources, identifier)
        revoked = known.life.revoked_at
        if revoked is not None and revoked <= at and not isinstance(claim, Revocation):
            raise GrantRevokedError(
                f"the grant {identifier} was revoked at {format_time(revoked)}",
                hint="Nothing brings it back; give another one: `weightmark grant MODEL`.",
            )
        model = resources.index.find(known.bundle)
        if model is None:
            raise NotEntitledError(f"the model {known.bundle} of the grant is not registered")
        recorded = _say(resources, model, claim, at)
    return GrantRecord(recorded=recorded, known=find_grant(resources, identifier))


def waiting_of(known: KnownGrant) -> list[str]:
    """Say for whose consent a grant and its proposed changes wait, one sentence each; none when for nobody.

    Raises:
        Nothing.
    """
    life = known.life
    grantee, count, approvers = life.waits_for()
    said = describe_wait((grantee,) if grantee else (), count, approvers)
    found = [f"the grant waits {said}"] if said else []
    for proposal in life.proposals.values():
        what = "assignment" if isinstance(proposal.change, Assigned) else "amendment"
        found.append(
            f"the {what} {proposal.id} waits {describe_wait(*life.missing(proposal, known.licensor))}"
        )
    return found


def state_of(editions: Sequence[IssuedGrant], at: datetime) -> str:
    """Say in one word how a grant stands at a moment.

    Args:
        editions: all of one grant.
        at: the moment, with a zone.

    Returns:
        ``pending``, ``suspended``, ``revoked``, ``not-yet-valid``, ``in-effect``, ``grace``, ``expired``, or
        ``parent-invalid`` when it is a sublicence and the grant above it does not hold.

    Raises:
        ValueError: there is no edition.
    """
    found = [one for one in editions if one.until is None or at < one.until]
    if not found:
        raise ValueError("a grant has at least one edition")
    edition = found[0]
    if edition.revoked_at is not None and edition.revoked_at <= at:
        return "revoked"
    phase, _ = edition.grant.window.locate(at)
    if phase is Phase.AFTER:
        return "expired"
    if edition.state is not GrantState.IN_EFFECT:
        return edition.state.value
    if edition.grant.parent and state_of(edition.under, at) not in ("in-effect", "grace"):
        return "parent-invalid"
    return {Phase.BEFORE: "not-yet-valid", Phase.GRACE: "grace"}.get(phase, edition.state.value)


class Granting(Inquiry):
    """Settings, keys, ledger and plugins, and the grants that are given and changed with them."""

    def find_grant(self, identifier: str) -> KnownGrant:
        """Find a grant by its id.

        Raises:
            UnknownGrantError: the ledger has no such grant.
        """
        return find_grant(self.resources, identifier)

    def name_grant(self, text: str) -> Digest:
        """Give the id of the grant that a text names: an id, or its first hex digits, at least 8.

        Raises:
            UnknownGrantError: no grant's id begins so, or more than one's does.
        """
        return name_grant(self.resources, text)

    def grant(self, model: RegisteredModel, grant: Grant) -> GrantRecord:
        """Grant a party the right to use a model; with ``parent`` it is a sublicence.

        Raises:
            NotEntitledError: our party may not give it; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        return give_grant(self.resources, model, grant, self.clock())

    def change_grant(self, identifier: str, claim: GrantChange) -> GrantRecord:
        """Say something about a grant; the methods below are shorter.

        Raises:
            NotEntitledError: it would not count, or the grant was revoked; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        return change_grant(self.resources, identifier, claim, self.clock())

    def consent(self, identifier: str, *, target: str = "") -> GrantRecord:
        """Say yes: accept a grant as its grantee, approve it as one of its approvers, agree to a change.

        Args:
            identifier: the grant's id.
            target: the statement that proposes a change; empty for the grant itself.

        Raises:
            NotEntitledError: nobody waits for our consent, or the grant was revoked; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = Consent(target=Digest(target or identifier), issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def amend(self, identifier: str, grant: Grant) -> GrantRecord:
        """Propose to put another grant in its place; it counts when licensor and grantee both said so.

        Raises:
            NotEntitledError: it would not count, or the grant was revoked; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = Amendment(target=Digest(identifier), grant=grant, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def suspend(self, identifier: str, cause: str) -> GrantRecord:
        """Take a grant out of effect until it is reinstated.

        Raises:
            NotEntitledError: our party is not its licensor, or it was revoked; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = Suspension(target=Digest(identifier), cause=cause, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def reinstate(self, identifier: str, cause: str) -> GrantRecord:
        """Put a suspended grant into effect again.

        Raises:
            NotEntitledError: our party is not its licensor, or it is not suspended; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = Reinstatement(target=Digest(identifier), cause=cause, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def renew(self, identifier: str, end: datetime, *, payment: str = "") -> GrantRecord:
        """Move the end of a grant.

        Args:
            identifier: the grant's id.
            end: the new end, with a zone.
            payment: a reference to the payment; empty when there was none.

        Raises:
            NotEntitledError: our party may not, or the end is no later; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = RenewalClaim(target=Digest(identifier), end=end, payment=payment, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def assign(self, identifier: str, grantee: str) -> GrantRecord:
        """Hand a grant over to somebody else; the seats under it become free.

        Raises:
            NotEntitledError: our party may not, or it was revoked; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = Assignment(target=Digest(identifier), grantee=grantee, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def seat(self, identifier: str, holder: str, *, freed: bool = False) -> GrantRecord:
        """Give one of a grant's seats to a person or a machine, or free it.

        Raises:
            NotEntitledError: our party may not, or all seats are taken; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        claim = SeatClaim(target=Digest(identifier), holder=holder, freed=freed, issued_at=self.clock())
        return self.change_grant(identifier, claim)

    def revoke(
        self, identifier: str, cause: str, *, ground: Ground = Ground.OTHER, at: datetime | None = None
    ) -> GrantRecord:
        """Take a grant back.

        Args:
            identifier: the grant's id.
            cause: why, for all to read.
            ground: the kind of cause; after a breach there is no period of notice.
            at: from when, with a zone; None for as soon as may be.

        Raises:
            NotEntitledError: our party may not, or not from then on; nothing was signed.
            LedgerError: recording failed; says whether it may have happened.
        """
        now = self.clock()
        claim = Revocation(
            target=Digest(identifier), cause=cause, ground=ground, effective_at=at, issued_at=now
        )
        _check_notice(self.find_grant(identifier), claim, self.configuration.party.name)
        return change_grant(self.resources, identifier, claim, now)


def _check_notice(known: KnownGrant, claim: Revocation, party: str) -> None:
    act = Revoked(effective_at=claim.effective_at, notice=claim.ground is not Ground.BREACH)
    end = known.life.end_of(act, by=frozenset({party}), at=claim.issued_at)
    if claim.effective_at is not None and end > claim.effective_at:
        raise NotEntitledError(
            f"the grant cannot be taken back from {format_time(claim.effective_at)}: with its notice of"
            f" {known.life.grant.notice_days} days that is {format_time(end)} at the earliest",
            hint="Leave the moment out, or name a later one; a breach needs no notice.",
        )


def _say(
    resources: Resources, model: RegisteredModel, claim: GrantClaim | GrantChange, at: datetime
) -> Recorded:
    if claim.issued_at > at + TOLERANCE:
        raise NotEntitledError(
            f"it would be said at {format_time(claim.issued_at)}, and it is {format_time(at)}",
            hint="Say it with the present time; what is said of the future counts only then.",
        )
    subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
    statement = Statement(subject=subject, claim=claim)
    resources.index.require(statement, {resources.configuration.party.name})
    return record(resources, subject, [claim], at)[0]
