"""What the index can be asked about grants."""

import functools
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sqlalchemy import BindParameter, Connection, Row, Text, bindparam, or_, select

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    GrantClaim,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Suspension,
)
from weightmark.claims.claim import read_claim
from weightmark.claims.permission import Ground
from weightmark.encoding import Digest, Record, decode
from weightmark.index.schema import ENTRY, GRANT, GRANT_EVENT, GRANT_PARTY, MODEL
from weightmark.licensing import (
    Act,
    Amended,
    Assigned,
    Consented,
    Granted,
    GrantEvent,
    IssuedGrant,
    Life,
    Reinstated,
    Renewed,
    Revoked,
    Seated,
    Suspended,
)
from weightmark.licensing.sublicence import DEEPEST

_SOME_ENTRIES = 500
"""How many ids go into one question: databases bound the number of parameters."""

_KEPT_EVENTS = 4096
_WANTED = bindparam("wanted", type_=Text())
_SUBJECTS: BindParameter[str] = bindparam("subjects", expanding=True)
_GRANTS = (
    select(GRANT)
    .where(or_(GRANT.c.subject.in_(_SUBJECTS), GRANT.c.bundle.in_(_SUBJECTS)))
    .order_by(GRANT.c.entry)
)
_GRANTS_TO = _GRANTS.join(GRANT_PARTY, GRANT_PARTY.c.grant_id == GRANT.c.id).where(
    GRANT_PARTY.c.party == bindparam("grantee")
)
_GRANT = select(GRANT).where(GRANT.c.id == _WANTED)
_MOST_NAMED = 4
_NAMED = (
    select(GRANT.c.id)
    .where(GRANT.c.id >= _WANTED, GRANT.c.id < bindparam("above", type_=Text()))
    .order_by(GRANT.c.id)
    .limit(_MOST_NAMED)
)
_EVENTS = (
    select(GRANT_EVENT)
    .where(GRANT_EVENT.c.grant_id.in_(bindparam("wanted", expanding=True)))
    .order_by(GRANT_EVENT.c.entry)
)
_TARGET = select(GRANT_EVENT.c.grant_id).where(GRANT_EVENT.c.statement == _WANTED)
_LICENSORS = select(GRANT.c.licensor).where(GRANT.c.bundle == _WANTED).distinct()
_OWNER = select(MODEL.c.owner).where(MODEL.c.bundle == _WANTED)


def grants(connection: Connection, subjects: Collection[Digest], grantee: str | None) -> list[IssuedGrant]:
    """Give all editions of the grants for models, in the order in which they were given.

    Args:
        connection: inside a transaction.
        subjects: bundle and weights digests.
        grantee: only those of which this party is or was the grantee; None for all.
    """
    asked: dict[str, object] = {"subjects": list(subjects)}
    if grantee is None:
        rows = connection.execute(_GRANTS, asked).all()
    else:
        rows = connection.execute(_GRANTS_TO, {**asked, "grantee": grantee}).all()
    return [edition for editions in _editions(connection, rows, DEEPEST).values() for edition in editions]


def licensors(connection: Connection, bundle: Digest) -> frozenset[str]:
    """Give everybody whose grants for a model counted when they were given."""
    return frozenset(row.licensor for row in connection.execute(_LICENSORS, {"wanted": bundle}))


def granted_model(connection: Connection, grant: Digest) -> Digest | None:
    """Give the model that a grant is for."""
    row = connection.execute(_GRANT, {"wanted": grant}).first()
    return None if row is None else Digest(row.bundle)


def grants_from(connection: Connection, beginning: str) -> list[Digest]:
    """Give the ids that begin so, four at most; after a hex digit every id sorts before ``g``."""
    rows = connection.execute(_NAMED, {"wanted": beginning, "above": f"{beginning}g"})
    return [Digest(row.id) for row in rows]


def grant_of(connection: Connection, statement: Digest) -> Digest | None:
    """Give the grant that a statement that counts gave or changed; None when it did neither."""
    row = connection.execute(_TARGET, {"wanted": statement}).first()
    return None if row is None else Digest(row.grant_id)


def life_of(connection: Connection, grant: Digest) -> Life | None:
    """Give the life of a grant; None when there is no such grant."""
    events = [_event(row) for row in connection.execute(_EVENTS, {"wanted": [grant]})]
    return Life(events) if events else None


def editions_of(connection: Connection, grant: Digest) -> tuple[IssuedGrant, ...]:
    """Give the editions of one grant, with those of the grants above it; empty when there is none."""
    rows = connection.execute(_GRANT, {"wanted": grant}).all()
    return _editions(connection, rows, DEEPEST).get(grant, ())


def parent_of(connection: Connection, grant: Digest) -> str:
    """Give the grant under which another is a sublicence; empty when it is none."""
    row = connection.execute(_GRANT, {"wanted": grant}).first()
    return "" if row is None else str(row.parent)


def licensor_of(connection: Connection, life: Life, bundle: Digest) -> str:
    """Give who stands as the licensor of a grant now.

    That is the model's owner; for a sublicence it is whoever holds the grant above it.
    """
    if not life.origin.parent:
        return str(connection.execute(_OWNER, {"wanted": bundle}).scalar_one())
    above = life_of(connection, Digest(life.origin.parent))
    return life.origin.licensor if above is None else above.grant.grantee


def claims_about(connection: Connection, grant: Digest) -> dict[int, Claim]:
    """Give what counts of what was said about a grant, by ledger entry."""
    return {row.entry: _claim(row) for row in connection.execute(_EVENTS, {"wanted": [grant]})}


def entries_about(connection: Connection, grant: Digest) -> Sequence[Row[tuple[object, ...]]]:
    """Give every entry about a grant, in order, also those that do not count."""
    return connection.execute(select(ENTRY).where(ENTRY.c.grant_id == grant).order_by(ENTRY.c.idx)).all()


def act_of(claim: Claim) -> Act | None:
    """Give what a claim does to a grant; None when it is about no grant."""
    act: Act | None = None
    match claim:
        case GrantClaim():
            act = Granted(grant=claim.grant)
        case Consent():
            act = Consented(target=claim.target)
        case Amendment():
            act = Amended(grant=claim.grant)
        case Assignment():
            act = Assigned(grantee=claim.grantee)
        case SeatClaim():
            act = Seated(holder=claim.holder, freed=claim.freed)
        case _:
            act = _course_of(claim)
    return act


def _course_of(claim: Claim) -> Act | None:
    match claim:
        case Revocation():
            return Revoked(effective_at=claim.effective_at, notice=claim.ground is not Ground.BREACH)
        case Suspension():
            return Suspended()
        case Reinstatement():
            return Reinstated()
        case RenewalClaim():
            return Renewed(end=claim.end)
        case _:
            return None


def _editions(
    connection: Connection, rows: Iterable[Row[tuple[object, ...]]], depth: int
) -> dict[str, tuple[IssuedGrant, ...]]:
    found_rows = list(rows)
    parents = {str(row.id): str(row.parent) for row in found_rows}
    bundles = {str(row.id): str(row.bundle) for row in found_rows}
    events: dict[str, list[GrantEvent]] = {grant: [] for grant in parents}
    wanted = list(parents)
    for start in range(0, len(wanted), _SOME_ENTRIES):
        some = {"wanted": wanted[start : start + _SOME_ENTRIES]}
        for row in connection.execute(_EVENTS, some):
            events[row.grant_id].append(_event(row))
    above: dict[str, tuple[IssuedGrant, ...]] = {"": ()}
    if depth and (missing := sorted(set(parents.values()) - {""})):
        found = select(GRANT).where(GRANT.c.id.in_(missing))
        above |= _editions(connection, connection.execute(found).all(), depth - 1)
    return {
        grant: tuple(
            replace(edition, bundle=bundles[grant], under=above.get(parent, ()) if parent else ())
            for edition in Life(events[grant]).editions()
        )
        for grant, parent in parents.items()
    }


def _event(row: Row[tuple[object, ...]]) -> GrantEvent:
    return _read_event(row.statement, row.predicate_type, row.signers, row.licensor, row.body)


# A grant is folded anew with each statement about it, so each is asked for many times.
@functools.lru_cache(maxsize=_KEPT_EVENTS)
def _read_event(statement: str, predicate_type: str, signers: str, licensor: str, body: str) -> GrantEvent:
    claim = _read(predicate_type, body)
    act = act_of(claim)
    if act is None:
        raise ValueError(f"the statement {statement} is about no grant")
    by = frozenset[str](json.loads(signers))
    return GrantEvent(id=statement, at=claim.issued_at, by=by, licensor=licensor, act=act)


def _claim(row: Row[tuple[object, ...]]) -> Claim:
    return _read(row.predicate_type, row.body)


def _read(predicate_type: str, body: str) -> Claim:
    return read_claim(predicate_type, Record(decode(body.encode(), what="the claim"), "the claim"))
