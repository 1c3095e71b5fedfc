"""Settling: use that was recorded elsewhere is counted once, however often its chain is brought.

The settlement is a statement in the ledger, and the meter is brought up to what the ledger says. So a crash
in between loses nothing and doubles nothing: settling again does what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from weightmark.claims import Statement, Subject
from weightmark.claims.offline.jws import TOLERANCE
from weightmark.claims.offline.usage_chain import UsageChain, verify_chain
from weightmark.claims.offline.usage_text import UsageText
from weightmark.claims.usage import UsageClaim
from weightmark.encoding import Digest, format_time
from weightmark.errors import (
    ChainForkError,
    ClockError,
    NotEntitledError,
    UnknownEntitlementError,
    UnknownGrantError,
    VerificationError,
)
from weightmark.index import RegisteredModel
from weightmark.licensing import IssuedGrant
from weightmark.vocabulary import Predicate
from weightmark.workspace.metering.bounds import editions_of
from weightmark.workspace.metering.meter import Meter
from weightmark.workspace.recording import record
from weightmark.workspace.resource import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a chain.

    Attributes:
        chain: its id.
        grant: the grant's id.
        party: whose chain it is.
        first: the first entry that was counted now; 0 when nothing was.
        last: the last entry that is settled.
        totals: units by name that were counted now.
        entry: the ledger entry of the settlement; None when nothing was new.
    """

    chain: str
    grant: Digest
    party: str
    first: int
    last: int
    totals: Mapping[str, int]
    entry: int | None


def settle_chain(resources: Resources, data: bytes, at: datetime, *, what: str = "the chain") -> Settled:
    """Verify an exported chain and count what of it is new.

    Args:
        resources: the ledger, the index, the store, the meter, our key.
        data: the export.
        at: the present time.
        what: its name in messages.

    Raises:
        MalformedError: it is no chain, or was cut, joined, reordered or changed.
        ChainForkError: it begins like a chain that was settled and then differs.
        ClockError: it ends later than it is now.
        NotEntitledError: our party did not give the grant, or its party is not the grantee.
        UnknownGrantError: the ledger has no such grant.
        VerificationError: a seal does not hold.
        LedgerError: recording failed; settling again is safe.
    """
    chain = verify_chain(data, resources.trust, what=what)
    if not chain.entries:
        raise VerificationError(f"{what} has no entries")
    return _settle(resources, UsageText.of(chain), chain.header.party, at, chain=chain, data=data)


def settle_text(resources: Resources, text: str, at: datetime) -> Settled:
    """Verify signed totals and count what of them is new.

    Totals show no entries: that they continue what was settled before is believed until the file comes.

    Raises:
        MalformedError: it is no such text.
        ChainForkError: it has as many entries as were settled, and another head; or smaller totals.
        UntrustedKeyError: it is signed by a key that is not trusted.
        WeightmarkError: as for ``settle_chain``.
    """
    totals, party = UsageText.verify(text, resources.trust)
    return _settle(resources, totals, party, at)


def _settle(  # noqa: PLR0913 - a chain has its file besides
    resources: Resources,
    brought: UsageText,
    party: str,
    at: datetime,
    *,
    chain: UsageChain | None = None,
    data: bytes = b"",
) -> Settled:
    if brought.ended > at + TOLERANCE:
        raise ClockError(
            f"the chain {brought.chain} ends at {format_time(brought.ended)}; here it is {format_time(at)}",
            hint="One of the two clocks is wrong; find out which before you settle.",
        )
    with resources.alone():
        resources.catch_up()
        model = _require_grant(resources, brought.grant, party)
        before = [
            claim
            for claim in _settlements(resources, model)
            if claim.chain == brought.chain and claim.target == brought.grant
        ]
        _require_no_fork(resources, brought, before, chain)
        done = max((claim.last for claim in before), default=0)
        if before and brought.last == done and _new_totals(brought, before):
            raise ChainForkError(
                f"the chain {brought.chain} has other totals than were settled of the same entries",
                heads=(before[-1].head, brought.head),
            )
        entry, totals = None, _new_totals(brought, before) if brought.last > done else {}
        if totals:
            export = resources.store.put(data) if data else ""
            claim = _claim(brought, totals, first=done + 1, export=export, at=at)
            entry = _record(resources, model, claim)
            before.append(claim)
        _count(resources, before)
    return Settled(
        chain=brought.chain,
        grant=brought.grant,
        party=party,
        first=done + 1 if totals else 0,
        last=max(done, brought.last) if totals else done,
        totals=totals,
        entry=entry,
    )


def _claim(
    brought: UsageText, totals: Mapping[str, int], *, first: int, export: str, at: datetime
) -> UsageClaim:
    return UsageClaim(
        target=brought.grant,
        chain=brought.chain,
        head=brought.head,
        first=first,
        last=brought.last,
        totals=totals,
        began=brought.began,
        ended=brought.ended,
        export=export,
        issued_at=at,
    )


def _record(resources: Resources, model: RegisteredModel, claim: UsageClaim) -> int:
    subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
    own = resources.configuration.party.name
    resources.index.require(Statement(subject=subject, claim=claim), [own])
    return record(resources, subject, [claim], claim.issued_at)[0].receipt.index


def _require_grant(resources: Resources, grant: Digest, party: str) -> RegisteredModel:
    editions: Sequence[IssuedGrant] = editions_of(resources, grant)
    bundle = resources.index.granted_model(grant)
    model = None if bundle is None else resources.index.find(bundle)
    if not editions or model is None:
        raise UnknownGrantError(f"the ledger has no grant {grant}")
    own = resources.configuration.party.name
    if own not in {issued.grant.licensor for issued in editions} | {model.owner}:
        raise NotEntitledError(f"{own} did not give the grant {grant}, and cannot settle what was used of it")
    if not any(party == name or party.startswith(f"{name}/") for name in _grantees(editions)):
        raise NotEntitledError(
            f"the chain is {party}'s, and the grant {grant} is {' and '.join(sorted(_grantees(editions)))}'s"
        )
    return model


def _grantees(editions: Sequence[IssuedGrant]) -> set[str]:
    return {issued.grant.grantee for issued in editions}


def _settlements(resources: Resources, model: RegisteredModel) -> list[UsageClaim]:
    """Give every settlement about a model that counts, in order."""
    found: list[UsageClaim] = []
    for entry in resources.index.history(model.bundle):
        if entry.accepted and entry.predicate_type == Predicate.USAGE.value:
            kept = next(resources.ledger.entries(entry.index, entry.index + 1), None)
            claim = None if kept is None else Statement.decode(kept.envelope.payload).claim
            if isinstance(claim, UsageClaim):
                found.append(claim)
    return found


def _require_no_fork(
    resources: Resources, brought: UsageText, before: Sequence[UsageClaim], chain: UsageChain | None
) -> None:
    """Compare what was brought with what was settled, as far as both reach."""
    for claim in before:
        if claim.last == brought.last or (chain is not None and claim.last < brought.last):
            head = (
                brought.head if claim.last == brought.last or chain is None else chain.entries[claim.last - 1]
            )
            if head != claim.head:
                raise _fork(brought, claim.last, claim.head, head)
        elif claim.last > brought.last and claim.export:
            data = resources.store.get(Digest(claim.export))
            if data is None:
                continue
            earlier = verify_chain(data, resources.trust, what=f"the settled chain {claim.chain}")
            head = earlier.entries[brought.last - 1]
            if head != brought.head:
                raise _fork(brought, brought.last, head, brought.head)


def _fork(brought: UsageText, seq: int, settled: Digest, head: Digest) -> ChainForkError:
    return ChainForkError(
        f"the chain {brought.chain} has two histories: at entry {seq} the settled one has the head {settled},"
        f" and the one at hand {head}",
        heads=(settled, head),
    )


def _new_totals(brought: UsageText, before: Sequence[UsageClaim]) -> dict[str, int]:
    totals = dict(brought.totals)
    for claim in before:
        for name, units in claim.totals.items():
            totals[name] = totals.get(name, 0) - units
    if any(units < 0 for units in totals.values()):
        raise ChainForkError(
            f"the chain {brought.chain} has smaller totals than were settled of it",
            heads=(before[-1].head, brought.head),
        )
    return {name: units for name, units in totals.items() if units}


def _count(resources: Resources, claims: Sequence[UsageClaim]) -> None:
    """Bring the meter up to the settlements; what was counted is not counted again."""
    meter = Meter(resources)
    for claim in claims:
        for name, units in claim.totals.items():
            key = f"chain:{claim.chain}:{claim.first}-{claim.last}:{name}"
            try:
                meter.note(claim.target, name, units, key=key, at=claim.ended)
            except UnknownEntitlementError:
                continue  # the grant has no bound of this name; the settlement in the ledger is all
