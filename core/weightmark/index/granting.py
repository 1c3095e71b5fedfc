"""The rules by which grants are given and changed: who may say what about them, and when it counts.

The same rules are asked before something is signed, so that nobody signs what would not count. Nothing here
writes. A suspension or a revocation that its signer may say always counts.
"""

from collections.abc import Collection

from sqlalchemy import Connection, and_, or_, select

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    GrantChange,
    GrantClaim,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Statement,
    Suspension,
    UsageClaim,
)
from weightmark.encoding import Digest, format_time
from weightmark.errors import NotEntitledError
from weightmark.index.grant_query import grant_of, licensor_of, life_of, parent_of
from weightmark.index.said import RefusedError, Said, names, owned, owner_of
from weightmark.index.schema import GRANT, GRANT_PARTY, MODEL
from weightmark.index.settled import check_settled
from weightmark.index.waiting import describe_wait
from weightmark.licensing import Amended, Grant, GrantState, Life, Proposal, exceed
from weightmark.licensing.sublicence import DEEPEST
from weightmark.licensing.window import Phase

_MOST_NAMES = 8
_HISTORY = "See what was said about it: `weightmark grants show GRANT`, `weightmark history MODEL`."


def check_grant(connection: Connection, said: Said, claim: GrantClaim) -> str:
    """Check that a grant counts.

    Returns:
        Who stands as its licensor.

    Raises:
        RefusedError: it does not; the message says why.
    """
    grant = claim.grant
    licensor = _check_sublicence(connection, said, claim) if grant.parent else owned(connection, said)
    weights = connection.execute(select(MODEL.c.weights).where(MODEL.c.bundle == said.bundle)).scalar_one()
    if grant.model not in (said.bundle, weights):
        raise RefusedError(f"the grant is for {grant.model}, but the statement is about {said.bundle}")
    if grant.licensor != licensor:
        holds = "holds the grant above it" if grant.parent else "owns the model"
        raise RefusedError(f"the grant names {grant.licensor} as licensor, but {licensor} {holds}")
    if grant.trial:
        _check_trial(connection, said.bundle, grant.grantee, licensor)
    return licensor


def check_change(connection: Connection, said: Said, claim: GrantChange) -> tuple[Digest, str]:
    """Check that what is said about a grant counts.

    Returns:
        The grant's id, and who stands as its licensor.

    Raises:
        RefusedError: it does not; the message says why.
    """
    grant = grant_of(connection, claim.target)
    life = None if grant is None else life_of(connection, grant)
    model = None if grant is None else connection.execute(select(GRANT).where(GRANT.c.id == grant)).first()
    named = isinstance(claim, Consent) or grant == claim.target
    if grant is None or life is None or model is None or model.bundle != said.bundle or not named:
        raise RefusedError(f"there is no grant {claim.target} for this model")
    licensor = licensor_of(connection, life, said.bundle)
    match claim:
        case Consent():
            _check_consent(connection, life, said, claim, licensor)
        case SeatClaim():
            _signed(said, (life.grant.grantee, licensor), "may give and free its seats")
            _check_seat(life, claim)
        case Amendment():
            _signed(said, (life.grant.grantee, licensor), "may change the grant, together")
            _check_amendment(connection, life, claim.grant)
        case Assignment():
            _check_assignment(connection, life, said, claim, licensor)
        case Revocation():
            owner = owner_of(connection, said)
            _signed(said, (life.origin.licensor, licensor, owner), "may take the grant back")
        case _:
            _signed(said, (licensor,), "who is its licensor, may say this")
            _check_course(connection, life, claim)
    return grant, licensor


def require(connection: Connection, statement: Statement, signers: Collection[str]) -> None:
    """Check that a grant, or what is said or settled of one, would count if it were recorded now.

    Raises:
        NotEntitledError: it would not; the message says why.
    """
    claim = statement.claim
    said = Said(
        statement=statement,
        digest=Digest(""),
        signers=tuple(sorted(signers)),
        index=-1,
        how="this workspace speaks for",
    )
    try:
        if isinstance(claim, GrantClaim):
            check_grant(connection, said, claim)
        elif isinstance(claim, GrantChange):
            check_change(connection, said, claim)
        elif isinstance(claim, UsageClaim):
            check_settled(connection, said, claim)
    except RefusedError as error:
        raise NotEntitledError(f"it would not count: {error}", hint=error.hint or _HISTORY) from error


def target_of(connection: Connection, said: Said, claim: Claim) -> Digest:
    """Give the grant that a claim is about, whether it counts or not; empty when there is none."""
    if isinstance(claim, GrantClaim):
        return said.digest
    if isinstance(claim, GrantChange):
        return grant_of(connection, claim.target) or claim.target
    return Digest("")


def _signed(said: Said, parties: tuple[str, ...], may: str) -> None:
    allowed = tuple(dict.fromkeys(parties))
    if set(allowed) & set(said.signers):
        return
    who = f"{allowed[0]}, {may}" if may.startswith("who") else f"{' and '.join(allowed)} {may}"
    raise RefusedError(
        f"only {who}; {said.voices}",
        hint=f"Ask {' or '.join(allowed)}, or speak as them: --as {allowed[0]} --key file:THEIR-KEY.pem.",
    )


def _check_sublicence(connection: Connection, said: Said, claim: GrantClaim) -> str:
    grant = claim.grant
    owner_of(connection, said)
    parent = Digest(grant.parent)
    life = life_of(connection, parent)
    row = connection.execute(select(GRANT).where(GRANT.c.id == parent)).first()
    if life is None or row is None or row.bundle != said.bundle:
        raise RefusedError(f"there is no grant {parent} for this model, to sublicense under")
    licensor = life.grant.grantee
    _signed(said, (licensor,), "who holds the grant above it, may sublicense under it")
    above = life.edition(claim.issued_at)
    phase, _ = above.grant.window.locate(claim.issued_at)
    if above.revoked_at is not None and above.revoked_at <= claim.issued_at:
        raise RefusedError(f"the grant {parent} was revoked at {format_time(above.revoked_at)}")
    if above.state is not GrantState.IN_EFFECT:
        raise RefusedError(f"the grant {parent} is {above.state.value}, so nothing stands under it")
    if phase not in (Phase.WITHIN, Phase.GRACE):
        raise RefusedError(f"the grant {parent} does not hold at {format_time(claim.issued_at)}")
    _check_within(grant, above.grant)
    if _depth(connection, parent) > DEEPEST:
        raise RefusedError(f"there are {DEEPEST} grants above it already, the most that may be")
    return licensor


def _check_within(grant: Grant, above: Grant) -> None:
    if more := exceed(grant, above):
        raise RefusedError(f"the sublicence {more}", hint="Grant no more than you were granted.")


def _depth(connection: Connection, grant: Digest) -> int:
    depth, above = 0, str(grant)
    while above and depth <= DEEPEST:
        depth, above = depth + 1, parent_of(connection, Digest(above))
    return depth


def _check_trial(connection: Connection, bundle: Digest, grantee: str, licensor: str) -> None:
    # The same weights among other files are the same model; whoever else registers them bars nobody.
    weights = select(MODEL.c.weights).where(MODEL.c.bundle == bundle).scalar_subquery()
    twin = and_(MODEL.c.weights == weights, GRANT.c.licensor == licensor)
    held = connection.execute(
        select(GRANT.c.id)
        .join(GRANT_PARTY, GRANT_PARTY.c.grant_id == GRANT.c.id)
        .join(MODEL, MODEL.c.bundle == GRANT.c.bundle)
        .where(or_(GRANT.c.bundle == bundle, twin), GRANT.c.trial, GRANT_PARTY.c.party == grantee)
        .order_by(GRANT.c.entry)
    ).first()
    if held is not None:
        raise RefusedError(
            f"{grantee} had a trial of this model already: {held.id}",
            hint="A trial is given once; give a grant that is none.",
        )


def _check_course(
    connection: Connection, life: Life, claim: Suspension | Reinstatement | RenewalClaim
) -> None:
    if isinstance(claim, Reinstatement):
        _check_reinstatement(life, claim)
    elif isinstance(claim, RenewalClaim):
        _check_renewal(connection, life, claim)


def _check_reinstatement(life: Life, claim: Reinstatement) -> None:
    if life.suspended_at is None:
        raise RefusedError("the grant is not suspended")
    if claim.issued_at < life.suspended_at:
        raise RefusedError(
            f"the grant is suspended only from {format_time(life.suspended_at)},"
            f" after {format_time(claim.issued_at)}, when this was said",
            hint="A suspension cannot be lifted as of a time before it; say it again, with the present time.",
        )


def _check_consent(connection: Connection, life: Life, said: Said, claim: Consent, licensor: str) -> None:
    signers = set(said.signers)
    if claim.target != life.id:
        proposal = life.proposals.get(claim.target)
        if proposal is None:
            raise RefusedError(
                f"the change {claim.target} waits for nobody: it was made, or the grant was changed since",
                hint="See what waits: `weightmark grants show GRANT`.",
            )
        if not signers & set(_awaited(life, proposal, licensor)):
            waits = describe_wait(*life.missing(proposal, licensor))
            raise RefusedError(f"the change waits {waits}; {said.voices}")
        # Seats were taken, or the grant above it was changed, since it was proposed.
        if isinstance(proposal.change, Amended):
            _check_amendment(connection, life, proposal.change.grant)
        elif life.grant.trial:
            _check_trial(connection, said.bundle, proposal.change.grantee, life.origin.licensor)
        return
    grantee, count, left = life.waits_for()
    approvers = set(life.origin.approvers) - set(life.approvals)
    if signers & (approvers | {grantee}):
        return
    waits = describe_wait((grantee,) if grantee else (), count, left)
    raise RefusedError(
        f"the grant waits {waits}; {said.voices}" if waits else f"the grant waits for nobody; {said.voices}"
    )


def _awaited(life: Life, proposal: Proposal, licensor: str) -> tuple[str, ...]:
    parties, _, approvers = life.missing(proposal, licensor)
    return parties + approvers


def _check_renewal(connection: Connection, life: Life, claim: RenewalClaim) -> None:
    grant = life.grant
    if grant.end is None:
        raise RefusedError("the grant has no end, so there is nothing to renew")
    if grant.trial:
        raise RefusedError("a trial is not renewed", hint="Give a grant that is none: `weightmark grant`.")
    if grant.approvers and grant.renewal is None:
        raise RefusedError(
            f"the approvers of the grant ({names(grant.approvers)}) approved no renewal of it",
            hint="Change its end instead, which asks them: `weightmark grants amend GRANT --until TIME`.",
        )
    if claim.end <= grant.end:
        raise RefusedError(f"the grant ends at {format_time(grant.end)}, which is no earlier")
    above = life_of(connection, Digest(grant.parent)) if grant.parent else None
    if above is not None and above.grant.end is not None and claim.end > above.grant.end:
        raise RefusedError(f"the grant above it ends at {format_time(above.grant.end)}")


def _check_seat(life: Life, claim: SeatClaim) -> None:
    seats, held = life.grant.seats, sorted(life.holders)
    shown = ", ".join(held[:_MOST_NAMES]) + (" …" if len(held) > _MOST_NAMES else "")
    if seats is None:
        raise RefusedError("the grant is not bound to seats")
    if claim.freed and claim.holder not in held:
        raise RefusedError(f"{claim.holder} has no seat; they are taken by {shown or 'nobody'}")
    if not claim.freed and claim.holder in held:
        raise RefusedError(f"{claim.holder} has a seat already")
    if not claim.freed and len(held) >= seats:
        raise RefusedError(
            f"all {seats} seats are taken, by {shown}",
            hint="Free one first: `weightmark grants seat free GRANT HOLDER`.",
        )


def _check_amendment(connection: Connection, life: Life, grant: Grant) -> None:
    kept = ("model", "licensor", "grantee", "parent")
    if changed := [name for name in kept if getattr(grant, name) != getattr(life.grant, name)]:
        raise RefusedError(f"an amendment cannot change the {' and the '.join(changed)} of a grant")
    if grant.trial and not life.grant.trial:
        raise RefusedError("an amendment cannot make a trial of a grant")
    if len(life.holders) > (grant.seats or len(life.holders)):
        raise RefusedError(
            f"{len(life.holders)} seats are taken, more than the {grant.seats} of the amendment",
            hint="Free some first: `weightmark grants seat free GRANT HOLDER`.",
        )
    above = life_of(connection, Digest(grant.parent)) if grant.parent else None
    if above is not None:
        _check_within(grant, above.grant)


def _check_assignment(
    connection: Connection, life: Life, said: Said, claim: Assignment, licensor: str
) -> None:
    grantee = life.grant.grantee
    if life.grant.transferable:
        _signed(said, (grantee,), "who holds it, may hand the grant over")
    else:
        _signed(said, (grantee, licensor), "may hand the grant over, together")
    if claim.grantee == grantee:
        raise RefusedError(f"{grantee} holds the grant already")
    if life.grant.trial:
        _check_trial(connection, said.bundle, claim.grantee, life.origin.licensor)
