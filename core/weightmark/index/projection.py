"""The rules by which ledger entries become the index: who may say what.

Deterministic: the same entries under the same trust root give the same tables. An entry that does not
count is kept with the reason, and changes nothing else.
"""

import json

from sqlalchemy import Connection, Text, bindparam, delete, insert, select, update

from weightmark.claims import (
    Assignment,
    Claim,
    Consent,
    Derivation,
    GrantChange,
    GrantClaim,
    Policy,
    Registration,
    Statement,
    TermsClaim,
    Transfer,
    TrustRoot,
    Update,
    UsageClaim,
    VersionClaim,
    verify_envelope,
)
from weightmark.encoding import Digest, digest_bytes, encode, format_time, printable
from weightmark.errors import MalformedError, VerificationError
from weightmark.index.grant_query import life_of
from weightmark.index.granting import check_change, check_grant, target_of
from weightmark.index.query import holders
from weightmark.index.said import RefusedError, Said, names, owned, owner_of
from weightmark.index.schema import (
    ENTRY,
    GRANT,
    GRANT_EVENT,
    GRANT_PARTY,
    LIKENESS,
    MODEL,
    PARENT,
    VERSION,
)
from weightmark.index.settled import check_settled
from weightmark.ports import LedgerEntry

_ANYONE = Policy()

# Statements are made once: making one costs more than SQLite takes to answer it.
_WANTED = bindparam("wanted", type_=Text())
_COUNTED = select(ENTRY.c.idx).where(ENTRY.c.statement == _WANTED, ENTRY.c.accepted).order_by(ENTRY.c.idx)
_MODEL = select(MODEL).where(MODEL.c.bundle == _WANTED)
_DELETE_MODEL = delete(MODEL).where(MODEL.c.bundle == _WANTED)
_INSERT_MODEL = insert(MODEL)
_INSERT_ENTRY = insert(ENTRY)
_DELETE_LIKENESS = delete(LIKENESS).where(LIKENESS.c.bundle == _WANTED)
_INSERT_LIKENESS = insert(LIKENESS)
_DELETE_VERSION = delete(VERSION).where(VERSION.c.uri == _WANTED)
_INSERT_VERSION = insert(VERSION)
_INSERT_EVENT = insert(GRANT_EVENT)
_HELD = select(GRANT_PARTY.c.party).where(
    GRANT_PARTY.c.grant_id == _WANTED, GRANT_PARTY.c.party == bindparam("party")
)


def project(connection: Connection, entry: LedgerEntry, trust: TrustRoot) -> None:
    """Bring one ledger entry into the tables.

    Args:
        connection: inside a transaction.
        entry: the next entry in order.
        trust: whose signatures count, and as whose.

    Raises:
        SQLAlchemyError: the database failed.
    """
    row: dict[str, object] = {
        "idx": entry.index,
        "statement": "",
        "predicate_type": "",
        "bundle": "",
        "name": "",
        "signers": "[]",
        "issued_at": "",
        "accepted": False,
        "note": "",
        "grant_id": "",
    }
    try:
        statement, digest = Statement.decode(entry.envelope.payload), digest_bytes(entry.envelope.payload)
        row |= {
            "statement": digest,
            "predicate_type": statement.claim.predicate_type,
            "bundle": statement.subject.bundle,
            "name": statement.subject.name,
            "issued_at": format_time(statement.claim.issued_at),
        }
        evidence = verify_envelope(entry.envelope, trust, _ANYONE, statement.claim.issued_at)
        row["signers"] = json.dumps(evidence.identities)
        said = Said(statement=statement, digest=digest, signers=evidence.identities, index=entry.index)
        row["grant_id"] = target_of(connection, said, statement.claim)
        _first_time(connection, said)
        _apply(connection, said, statement.claim)
        row["accepted"] = True
    except (MalformedError, VerificationError, RefusedError) as error:
        row["note"] = printable(str(error))
    connection.execute(_INSERT_ENTRY, row)


def _apply(connection: Connection, said: Said, claim: Claim) -> None:
    match claim:
        case Registration():
            _register(connection, said, claim)
        case VersionClaim():
            _name_version(connection, said, claim)
        case Derivation():
            _derive(connection, said, claim)
        case Transfer():
            owned(connection, said)
            connection.execute(
                update(MODEL)
                .where(MODEL.c.bundle == said.bundle)
                .values(owner=claim.new_owner, presumed=False)
            )
        case TermsClaim():
            owned(connection, said)
            terms = None if claim.terms is None else encode(claim.terms.to_json()).decode()
            values = {"license": claim.license, "terms": terms, "presumed": False}
            connection.execute(update(MODEL).where(MODEL.c.bundle == said.bundle).values(**values))
        case GrantClaim():
            _grant(connection, said, claim)
        case UsageClaim():
            check_settled(connection, said, claim)
        case Update():
            owned(connection, said)  # it is kept as an entry; what follows from it needs its proof
        case _:
            _change_grant(connection, said, claim)


def _first_time(connection: Connection, said: Said) -> None:
    # The same statement under other signatures is another entry. If it counted again, whoever adds a
    # signature to an old grant, licence or transfer could bring back what its owner took back since.
    before = connection.execute(_COUNTED, {"wanted": said.digest}).first()
    if before is not None:
        raise RefusedError(f"the same statement counts already, as entry {before.idx}")


def _register(connection: Connection, said: Said, claim: Registration) -> None:
    if claim.owner not in said.signers:
        raise RefusedError(f"{claim.owner} is named as owner, but signed by {names(said.signers)}")
    known = connection.execute(_MODEL, {"wanted": said.bundle}).first()
    if known is not None and (claim.presumed or not known.presumed):
        raise RefusedError(f"the same files are already registered, by {known.owner}")
    # Who says that a model is theirs goes before one to whom it was only put down.
    connection.execute(_DELETE_MODEL, {"wanted": said.bundle})
    row = {
        "bundle": said.bundle,
        "name": said.statement.subject.name,
        "owner": claim.owner,
        "presumed": claim.presumed,
        "license": claim.license,
        "terms": None,
        "weights": said.statement.subject.weights,
        "manifest": claim.manifest,
        "entry": said.index,
        "registered_at": format_time(claim.issued_at),
    }
    connection.execute(_INSERT_MODEL, row)
    connection.execute(_DELETE_LIKENESS, {"wanted": said.bundle})
    for each in claim.likeness:
        likeness = {"bundle": said.bundle, "seed": each.seed, "code": each.code, "sketch": each.sketch}
        connection.execute(_INSERT_LIKENESS, likeness)


def _name_version(connection: Connection, said: Said, claim: VersionClaim) -> None:
    owner_of(connection, said)
    held = holders(connection, claim.uri)
    if held and held.isdisjoint(said.signers):
        raise RefusedError(f"only {names(tuple(sorted(held)))} may link {claim.uri} to other files")
    row = {"uri": claim.uri, "model": claim.model, "version": claim.version}
    row |= {"linkers": json.dumps(said.signers), "bundle": said.bundle}
    connection.execute(_DELETE_VERSION, {"wanted": claim.uri})
    connection.execute(_INSERT_VERSION, {**row, "entry": said.index})


def _derive(connection: Connection, said: Said, claim: Derivation) -> None:
    owned(connection, said)
    known = connection.execute(select(PARENT.c.position).where(PARENT.c.child == said.bundle)).all()
    for position, parent in enumerate(claim.parents, start=len(known)):
        row = {"child": said.bundle, "position": position, "parent": parent.subject}
        row |= {"relation": parent.relation.value, "uri": parent.uri, "entry": said.index}
        connection.execute(insert(PARENT), row)


def _grant(connection: Connection, said: Said, claim: GrantClaim) -> None:
    licensor, grant = check_grant(connection, said, claim), claim.grant
    row = {"id": said.digest, "subject": grant.model, "bundle": said.bundle, "licensor": grant.licensor}
    row |= {"parent": grant.parent}
    connection.execute(insert(GRANT), {**row, "trial": grant.trial, "entry": said.index})
    connection.execute(insert(GRANT_PARTY), {"party": grant.grantee, "grant_id": said.digest})
    _keep(connection, said, said.digest, licensor)
    if not grant.parent:
        connection.execute(update(MODEL).where(MODEL.c.bundle == said.bundle).values(presumed=False))


def _change_grant(connection: Connection, said: Said, claim: Claim) -> None:
    if not isinstance(claim, GrantChange):
        raise RefusedError("nothing follows from such a statement")
    grant, licensor = check_change(connection, said, claim)
    _keep(connection, said, grant, licensor)
    life = life_of(connection, grant) if isinstance(claim, Assignment | Consent) else None
    if life is None:
        return
    held = {"wanted": grant, "party": life.grant.grantee}
    if connection.execute(_HELD, held).first() is None:
        connection.execute(insert(GRANT_PARTY), {"party": life.grant.grantee, "grant_id": grant})


def _keep(connection: Connection, said: Said, grant: Digest, licensor: str) -> None:
    claim = said.statement.claim
    row = {
        "entry": said.index,
        "grant_id": grant,
        "statement": said.digest,
        "predicate_type": claim.predicate_type.value,
        "signers": json.dumps(said.signers),
        "licensor": licensor,
        "body": encode(claim.to_json()).decode(),
    }
    connection.execute(_INSERT_EVENT, row)
