"""The rules by which ledger entries become the index: who may say what.

Deterministic: the same entries under the same trust root give the same tables. An entry that does not
count is kept with the reason, and changes nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, Text, bindparam, delete, insert, select, update

from weightmark.claims import (
    Claim,
    Derivation,
    GrantClaim,
    Policy,
    Registration,
    Revocation,
    Statement,
    TermsClaim,
    Transfer,
    TrustRoot,
    Update,
    VersionClaim,
    verify_envelope,
)
from weightmark.encoding import Digest, digest_bytes, encode, format_time, parse_time, printable
from weightmark.errors import MalformedError, VerificationError
from weightmark.index.query import holders
from weightmark.index.schema import ENTRY, GRANT, LIKENESS, MODEL, PARENT, VERSION
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
_KEYS = {VERSION: "uri", GRANT: "id"}
_DELETE = {table: delete(table).where(table.c[key] == _WANTED) for table, key in _KEYS.items()}
_INSERT = {table: insert(table) for table in _DELETE}


class _RefusedError(Exception):
    """The claim does not count; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    statement: Statement
    digest: Digest
    signers: tuple[str, ...]
    index: int

    @property
    def bundle(self) -> Digest:
        return self.statement.subject.bundle


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
        said = _Said(statement=statement, digest=digest, signers=evidence.identities, index=entry.index)
        _first_time(connection, said)
        _apply(connection, said, statement.claim)
        row["accepted"] = True
    except (MalformedError, VerificationError, _RefusedError) as error:
        row["note"] = printable(str(error))
    connection.execute(_INSERT_ENTRY, row)


def _apply(connection: Connection, said: _Said, claim: Claim) -> None:
    match claim:
        case Registration():
            _register(connection, said, claim)
        case VersionClaim():
            _name_version(connection, said, claim)
        case Derivation():
            _derive(connection, said, claim)
        case Transfer():
            _owned(connection, said)
            connection.execute(
                update(MODEL)
                .where(MODEL.c.bundle == said.bundle)
                .values(owner=claim.new_owner, presumed=False)
            )
        case TermsClaim():
            _owned(connection, said)
            terms = None if claim.terms is None else encode(claim.terms.to_json()).decode()
            values = {"license": claim.license, "terms": terms, "presumed": False}
            connection.execute(update(MODEL).where(MODEL.c.bundle == said.bundle).values(**values))
        case GrantClaim():
            _grant(connection, said, claim)
        case Revocation():
            _revoke(connection, said, claim)
        case Update():
            _owned(connection, said)  # it is kept as an entry; what follows from it needs its proof


def _first_time(connection: Connection, said: _Said) -> None:
    # The same statement under other signatures is another entry. If it counted again, whoever adds a
    # signature to an old grant, licence or transfer could bring back what its owner took back since.
    before = connection.execute(_COUNTED, {"wanted": said.digest}).first()
    if before is not None:
        raise _RefusedError(f"the same statement counts already, as entry {before.idx}")


def _register(connection: Connection, said: _Said, claim: Registration) -> None:
    if claim.owner not in said.signers:
        raise _RefusedError(f"{claim.owner} is named as owner, but signed by {_names(said.signers)}")
    known = connection.execute(_MODEL, {"wanted": said.bundle}).first()
    if known is not None and (claim.presumed or not known.presumed):
        raise _RefusedError(f"the same files are already registered, by {known.owner}")
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


def _name_version(connection: Connection, said: _Said, claim: VersionClaim) -> None:
    _owner_of(connection, said)
    held = holders(connection, claim.uri)
    if held and held.isdisjoint(said.signers):
        raise _RefusedError(f"only {_names(tuple(sorted(held)))} may link {claim.uri} to other files")
    row = {"uri": claim.uri, "model": claim.model, "version": claim.version}
    row |= {"linkers": json.dumps(said.signers), "bundle": said.bundle}
    _replace(connection, VERSION, {**row, "entry": said.index})


def _derive(connection: Connection, said: _Said, claim: Derivation) -> None:
    _owned(connection, said)
    known = connection.execute(select(PARENT.c.position).where(PARENT.c.child == said.bundle)).all()
    for position, parent in enumerate(claim.parents, start=len(known)):
        row = {"child": said.bundle, "position": position, "parent": parent.subject}
        row |= {"relation": parent.relation.value, "uri": parent.uri, "entry": said.index}
        connection.execute(insert(PARENT), row)


def _grant(connection: Connection, said: _Said, claim: GrantClaim) -> None:
    owner = _owned(connection, said)
    model = claim.grant.model
    weights = connection.execute(select(MODEL.c.weights).where(MODEL.c.bundle == said.bundle)).scalar_one()
    if model not in (said.bundle, weights):
        raise _RefusedError(f"the grant is for {model}, but the statement is about {said.bundle}")
    if claim.grant.licensor != owner:
        raise _RefusedError(f"the grant names {claim.grant.licensor} as licensor, but {owner} owns the model")
    row = {"id": said.digest, "subject": model, "bundle": said.bundle, "cause": ""}
    row |= {"grantee": claim.grant.grantee, "body": encode(claim.grant.to_json()).decode()}
    _replace(connection, GRANT, row | {"entry": said.index, "revoked_at": None})
    connection.execute(update(MODEL).where(MODEL.c.bundle == said.bundle).values(presumed=False))


def _revoke(connection: Connection, said: _Said, claim: Revocation) -> None:
    grant = connection.execute(select(GRANT).where(GRANT.c.id == claim.target)).first()
    if grant is None or grant.bundle != said.bundle:
        raise _RefusedError(f"there is no grant {claim.target} for this model")
    _owned(connection, said)
    # Of several revocations the earliest moment holds.
    if grant.revoked_at is None or claim.issued_at < parse_time(grant.revoked_at):
        values = {"revoked_at": format_time(claim.issued_at), "cause": claim.cause}
        connection.execute(update(GRANT).where(GRANT.c.id == claim.target).values(**values))


def _owner_of(connection: Connection, said: _Said) -> str:
    known = connection.execute(_MODEL, {"wanted": said.bundle}).first()
    if known is None:
        raise _RefusedError(f"the model {said.bundle} is not registered")
    return str(known.owner)


def _owned(connection: Connection, said: _Said) -> str:
    owner = _owner_of(connection, said)
    if owner not in said.signers:
        raise _RefusedError(
            f"only {owner}, who owns the model, may say this; signed by {_names(said.signers)}"
        )
    return owner


def _replace(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    connection.execute(_DELETE[table], {"wanted": row[_KEYS[table]]})
    connection.execute(_INSERT[table], row)


def _names(signers: tuple[str, ...]) -> str:
    return ", ".join(signers) or "nobody known"
