"""Delegating: from a grant in the ledger to a token, and from a token to a decision.

A token only narrows: what comes out is what the grant says and what every block of the token says, and one
refusal refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from weightmark.claims import Envelope
from weightmark.claims.delegation.delegation import Delegation, make_delegation
from weightmark.claims.delegation.narrowing import Narrowing, Wording
from weightmark.claims.delegation.revoked_token import RevokedTokens
from weightmark.claims.delegation.token import ask_token
from weightmark.encoding import Digest, format_time
from weightmark.errors import NotEntitledError, UnknownGrantError
from weightmark.licensing import (
    Action,
    Capability,
    Decision,
    Duty,
    GrantState,
    IssuedGrant,
    Outcome,
    Party,
    Reason,
    ReasonCode,
    Request,
    Work,
    decide,
)
from weightmark.licensing.window import earliest
from weightmark.workspace.metering.bounds import editions_of
from weightmark.workspace.resource import Resources

Used = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the bearer of a token wants.

    Args:
        models: the digests of the model at hand: of its files, and of its weights.
        action: what is to be done; one that takes a permission.
        party: who presents the token.
        at: when, with a zone.
        purpose: what for; empty when nobody said.
        job: in which job; empty for none.
        commercial: whether the party acts commercially.
        amount: units that the action takes, by name.
        used: units used so far, by name, under the grant's id and under each block's account; None when use
            could not be counted.
    """

    models: frozenset[str]
    action: Action
    party: str
    at: datetime
    purpose: str = ""
    job: str = ""
    commercial: bool = True
    amount: Mapping[str, int] = field(default_factory=dict[str, int])
    used: Used | None = None

    def units(self, account: str, name: str) -> int:
        """Give the units that will be used of a bound when the action is done."""
        if not self.action.exercises:
            return 0
        before = 0 if self.used is None else self.used.get(account, {}).get(name, 0)
        return before + self.amount.get(name, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a ledger knows about the grant of a token.

    Args:
        editions: the grant's editions.
        works: the model and all that it stands on, the model first.
        grants: the editions of all grants of the grantee, for the works that the model stands on.
    """

    editions: tuple[IssuedGrant, ...]
    works: tuple[Work, ...] = ()
    grants: tuple[IssuedGrant, ...] = ()


def delegate(resources: Resources, grant: Digest, at: datetime, *, narrowing: Narrowing | None = None) -> str:
    """Make a token of a grant, in the name of our party.

    The licensor may. The grantee may when the grant holds ``sublicense``: a token lets somebody else act
    under the grant, and that is what this capability is for.

    Args:
        resources: the ledger, the index and our key.
        grant: the grant's id.
        at: the present time.
        narrowing: what to take away from the grant at once.

    Raises:
        UnknownGrantError: the ledger has no such grant.
        NotEntitledError: our party may not delegate it, or it does not hold now.
        UntrustedKeyError: our key may not speak for our party.
        MissingExtraError: the extra ``biscuit`` is not installed.
        MalformedError: the key is not an Ed25519 key.
    """
    resources.catch_up()
    issued = _edition(editions_of(resources, grant), at)
    if issued is None:
        raise UnknownGrantError(f"the ledger has no grant {grant[:80]}")
    party, terms = resources.configuration.party.name, issued.grant
    may_sublicense = party == terms.grantee and Capability.SUBLICENSE in terms.allows
    if party != terms.licensor and not may_sublicense:
        raise NotEntitledError(
            f"{party} may not delegate the grant {grant}: {terms.licensor} gave it to {terms.grantee}"
            f"{' without the right to sublicense' if party == terms.grantee else ''}",
            hint=f"Ask {terms.licensor} for a token, or for a grant with --for sublicense besides.",
        )
    if issued.revoked_at is not None and issued.revoked_at <= at:
        raise NotEntitledError(f"the grant {grant} was revoked at {format_time(issued.revoked_at)}")
    if issued.state is not GrantState.IN_EFFECT:
        raise NotEntitledError(f"the grant {grant} is not in effect: it is {issued.state}")
    resources.require_own_key(at)
    signer = resources.signer
    envelope = _envelope_of(resources, grant, terms.model)
    return make_delegation(envelope, terms, signer.public_key, signer.sign, narrowing=narrowing)


def decide_delegated(
    delegation: Delegation,
    asked: Asked,
    *,
    known: Known | None = None,
    revoked: Sequence[RevokedTokens] = (),
) -> Decision:
    """Decide whether the bearer of a token may do something: the grant must allow it, and every block.

    Args:
        delegation: the token, verified.
        asked: what its bearer wants.
        known: what a ledger knows of the grant; None to go by the signed grant in the token alone.
        revoked: lists of revoked tokens, verified and fresh; those of others than the grant's licensor and
            the token's issuer are passed over.

    Returns:
        The decision; ``grant`` is the grant's id. Undecided when there are bounds and use is not known.

    Raises:
        UndecidedError: the token's checks came to no end within their limits.
    """
    against = _revoked(delegation, asked, revoked)
    rules, failed = _failed(delegation, asked)
    against += [_objection(delegation, rule, number, asked) for number, rule in failed]
    against += _not_its_own(delegation, asked, known)
    decision = _by_grant(delegation, asked, known)
    ends = (rule.until for rule in rules if rule.until is not None and asked.at < rule.until)
    until = earliest(decision.until, *ends)
    counted = any(rule.unit for rule in rules) and asked.action.exercises and asked.used is None
    if against:
        others = () if decision.allowed else decision.reasons
        return Decision(
            outcome=Outcome.REFUSED,
            code=against[0].code,
            reasons=(*against, *others),
            grant=delegation.id,
            until=until,
        )
    if decision.allowed and counted:
        reason = Reason(
            code=ReasonCode.USAGE_UNKNOWN,
            message="The token has bounds, and what was used of them so far is not known.",
            work=delegation.statement.subject.name,
            hint="Say what was used: --used NAME=UNITS; or count here: --count NAME=UNITS.",
        )
        return Decision(
            outcome=Outcome.UNDECIDED, code=reason.code, reasons=(reason,), grant=delegation.id, until=until
        )
    return _named(decision, delegation.id, until, decision.duties)


def _not_its_own(delegation: Delegation, asked: Asked, known: Known | None) -> list[Reason]:
    """Say what the checks cannot: whoever signs the first block writes them."""
    grant, name = delegation.grant, delegation.statement.subject.name
    code, found = ReasonCode.GRANT_TOO_NARROW, list[Reason]()
    if grant.model not in asked.models:
        message = f"The grant {delegation.id} is for {grant.model}, which is not the model at hand."
        found.append(Reason(code=code, message=message, work=name, hint=f"Ask {grant.licensor} for another."))
    issued = None if known is None else _edition(known.editions, asked.at)
    resold = delegation.issuer != grant.licensor
    if resold and issued is not None and Capability.SUBLICENSE not in issued.grant.allows:
        message = f"{delegation.issuer}, who signed the token, may no longer sublicense."
        found.append(Reason(code=code, message=message, work=name, hint=f"Ask {grant.licensor} for a token."))
    return found


def _by_grant(delegation: Delegation, asked: Asked, known: Known | None) -> Decision:
    """Ask the grant alone, and where the ledger knows the model, everything that it stands on."""
    grant, subject = delegation.grant, delegation.statement.subject
    used = None if asked.used is None else asked.used.get(delegation.id, {})
    request = Request(
        action=asked.action,
        party=Party(name=grant.grantee, commercial=asked.commercial),
        at=asked.at,
        usage=used,
        purpose=asked.purpose,
        amount=asked.amount,
    )
    editions = carried(delegation) if known is None else known.editions
    work = Work(name=subject.name, subject=subject.bundle, weights=subject.weights, owner=grant.licensor)
    if known is not None and known.works:
        # What the licence allows to anybody is not the token's to hand on: the grant itself must hold.
        work = replace(known.works[0], license=None, terms=None, presumed=False)
    alone = _grant_only(
        delegation, decide(request, [work], [replace(issued, used=used) for issued in editions])
    )
    if not alone.allowed or known is None or len(known.works) < 2:  # noqa: PLR2004 - the model and another
        return alone
    others = decide(request, known.works[1:], known.grants)
    if not others.allowed:
        return others
    return _named(alone, delegation.id, earliest(alone.until, others.until), (*alone.duties, *others.duties))


def _grant_only(delegation: Delegation, decision: Decision) -> Decision:
    """Take out what is said about the licence, which was not asked; without the grant it is refused."""
    if decision.allowed:
        return decision
    reasons = tuple(reason for reason in decision.reasons if reason.code is not ReasonCode.NO_LICENCE)
    gone = Reason(
        code=ReasonCode.GRANT_TOO_NARROW,
        message=f"The grant {delegation.id} is no longer {delegation.grant.grantee}'s for this model.",
        work=delegation.statement.subject.name,
        hint=f"Ask {delegation.grant.licensor} for another.",
    )
    first = (reasons or (gone,))[0]
    unsure = first.code is ReasonCode.USAGE_UNKNOWN
    return Decision(
        outcome=Outcome.UNDECIDED if unsure else Outcome.REFUSED,
        code=first.code,
        reasons=reasons or (gone,),
        grant=delegation.id,
        until=decision.until,
    )


def _named(decision: Decision, grant: str, until: datetime | None, duties: tuple[Duty, ...]) -> Decision:
    return Decision(
        outcome=decision.outcome,
        code=decision.code,
        reasons=decision.reasons,
        duties=tuple(dict.fromkeys(duties)),
        grant=grant,
        until=until,
        left=decision.left,
    )


def carried(delegation: Delegation) -> tuple[IssuedGrant, ...]:
    """Take the grant as the token carries it; only its licensor's word makes up for an approval.

    Raises:
        Nothing.
    """
    grant = delegation.grant
    waits = delegation.issuer != grant.licensor and (grant.acceptance or grant.threshold > 0)
    state = GrantState.PENDING if waits else GrantState.IN_EFFECT
    return (IssuedGrant(id=delegation.id, grant=grant, state=state),)


def _failed(delegation: Delegation, asked: Asked) -> tuple[list[Wording], list[tuple[int, Wording]]]:
    """Run the checks; give all rules, and those that fail with the number of their block."""
    source = ["time({now});", "asked_by({party});"]
    values: dict[str, Any] = {"now": asked.at.astimezone(UTC).replace(microsecond=0), "party": asked.party}
    facts: list[tuple[str, tuple[Any, ...]]] = [
        *(("asked_capability", (item.value,)) for item in sorted(asked.action.needs)),
        *(("asked_model", (digest,)) for digest in sorted(asked.models)),
        *(("asked_purpose", (purpose,)) for purpose in [asked.purpose] if purpose),
        *(("asked_job", (job,)) for job in [asked.job] if job),
    ]
    rules: list[Wording] = []
    labels: set[str] = set()
    for block in delegation.blocks:
        rules += block.rules
        for rule in block.rules:
            if rule.unit and rule.label not in labels:
                labels.add(rule.label)
                facts.append(("asked_units", (rule.label, rule.unit, asked.units(block.account, rule.unit))))
    for place, (name, terms) in enumerate(facts):
        keys = [f"v{place}_{position}" for position in range(len(terms))]
        source.append(f"{name}({', '.join('{' + key + '}' for key in keys)});")
        values.update(zip(keys, terms, strict=True))
    broken = ask_token(delegation.biscuit, " ".join(source), values)
    return rules, [(block, _rule(delegation, block, check)) for block, check in broken]


def _rule(delegation: Delegation, block: int, check: int) -> Wording:
    rules = delegation.blocks[block].rules if block < len(delegation.blocks) else ()
    unknown = Wording(sentence="A check that has no words here.", code=ReasonCode.GRANT_TOO_NARROW)
    return rules[check] if check < len(rules) else unknown


def _objection(delegation: Delegation, rule: Wording, block: int, asked: Asked) -> Reason:
    return Reason(
        code=rule.code,
        message=f"The token does not let {asked.party} {asked.action.value} it: {rule.sentence}",
        clause=f"block {block} of the token",
        work=delegation.statement.subject.name,
        hint=f"The token is for {delegation.party}. See `weightmark license delegated FILE --show`.",
    )


def _revoked(delegation: Delegation, asked: Asked, lists: Sequence[RevokedTokens]) -> list[Reason]:
    heard = {delegation.grant.licensor, delegation.issuer}
    ids = [block.revocation_id for block in delegation.blocks]
    found = [(each, each.find(ids, asked.at)) for each in lists if each.issuer in heard]
    return [
        Reason(
            code=ReasonCode.GRANT_REVOKED,
            message=f"{each.issuer} revoked the token at {format_time(token.at)}: {token.cause}.",
            clause=f"block {ids.index(token.id)} of the token",
            work=delegation.statement.subject.name,
            hint=f"Ask {each.issuer} for another token.",
        )
        for each, token in found
        if token is not None
    ]


def _edition(editions: Sequence[IssuedGrant], at: datetime) -> IssuedGrant | None:
    for issued in editions:
        if (issued.since is None or issued.since <= at) and (issued.until is None or at < issued.until):
            return issued
    return None


def _envelope_of(resources: Resources, grant: Digest, model: Digest) -> Envelope:
    bundle = resources.index.granted_model(grant) or model
    for entry in resources.index.history(bundle):
        if entry.statement == grant:
            found = next(resources.ledger.entries(entry.index, entry.index + 1), None)
            if found is not None:
                return found.envelope
    raise UnknownGrantError(f"the ledger has no grant {grant[:80]}")
