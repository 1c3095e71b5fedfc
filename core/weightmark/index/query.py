"""What the index can be asked."""

import json
from collections.abc import Collection

from sqlalchemy import Connection, Row, Text, bindparam, delete, func, insert, select

from weightmark.encoding import Algorithm, Digest, decode, is_digest, parse_time
from weightmark.index import grant_query
from weightmark.index.schema import (
    ENTRY,
    GRANT,
    GRANT_EVENT,
    GRANT_PARTY,
    LIKENESS,
    MODEL,
    PARENT,
    SCHEMA_KEY,
    STATE,
    VERSION,
)
from weightmark.index.view import (
    HistoryEntry,
    KnownGrant,
    KnownParent,
    KnownVersion,
    NamedVersion,
    RegisteredModel,
)
from weightmark.licensing import IssuedGrant, Terms
from weightmark.vocabulary import Predicate

# Statements are made once: making one costs more than SQLite takes to answer it.
_WANTED = bindparam("wanted", type_=Text())
# Of equal weights the first registration counts, of equal names the newest.
_BY_DIGEST = (
    select(MODEL).where(MODEL.c.bundle == _WANTED).limit(1),
    select(MODEL).where(MODEL.c.weights == _WANTED).order_by(MODEL.c.entry).limit(1),
)
_BY_NAME = (
    select(MODEL).join(VERSION, MODEL.c.bundle == VERSION.c.bundle).where(VERSION.c.uri == _WANTED).limit(1),
    select(MODEL).where(MODEL.c.name == _WANTED).order_by(MODEL.c.entry.desc()).limit(1),
)
_VERSION = select(VERSION).where(VERSION.c.uri == _WANTED)
_NAMED = select(VERSION).where(VERSION.c.model == _WANTED).order_by(VERSION.c.entry, VERSION.c.uri)
_SAID_VERSIONS = (
    select(ENTRY.c.idx)
    .where(ENTRY.c.predicate_type == Predicate.VERSION.value, ENTRY.c.accepted, ENTRY.c.name == _WANTED)
    .order_by(ENTRY.c.idx)
)
_HOLDERS = (
    select(VERSION.c.linkers, MODEL.c.owner)
    .join(MODEL, MODEL.c.bundle == VERSION.c.bundle)
    .where(VERSION.c.uri == _WANTED)
)
_LINKED = (
    select(VERSION.c.uri)
    .join(MODEL, MODEL.c.bundle == VERSION.c.bundle)
    .where(VERSION.c.uri.in_(bindparam("wanted", expanding=True)))
)
_BELOW = (
    select(VERSION.c.bundle)
    .where(func.substr(VERSION.c.uri, 1, bindparam("length")) == _WANTED)
    .group_by(VERSION.c.bundle)
    .order_by(func.max(VERSION.c.entry).desc())
    .limit(bindparam("most"))
)
_OF_ALGORITHM = (
    select(MODEL.c.bundle)
    .where(MODEL.c.bundle >= bindparam("low"), MODEL.c.bundle < bindparam("high"))
    .limit(1)
)
_SAME_WEIGHTS = select(MODEL).where(MODEL.c.weights == _WANTED).order_by(MODEL.c.entry)
_PARENTS = select(PARENT).where(PARENT.c.child == _WANTED).order_by(PARENT.c.position)
_CODES = (
    select(LIKENESS.c.bundle, LIKENESS.c.code).where(LIKENESS.c.seed == _WANTED).order_by(LIKENESS.c.bundle)
)
_SKETCHES = select(LIKENESS.c.seed, LIKENESS.c.sketch).where(LIKENESS.c.bundle == _WANTED)
_STATE = select(STATE)
_DELETE_STATE = delete(STATE).where(STATE.c.key.in_(bindparam("keys", expanding=True)))
_INSERT_STATE = insert(STATE)

PROJECTED = (ENTRY, MODEL, LIKENESS, VERSION, PARENT, GRANT, GRANT_PARTY, GRANT_EVENT)
"""The tables that are made from the ledger alone."""


def find(connection: Connection, reference: str) -> RegisteredModel | None:
    """Find a model by a bundle digest, a weights digest, a version's URI or a name, in this order.

    A digest is never looked for among URIs and names: those anybody may choose, and choose a digest.
    """
    if not _storable(reference):
        return None
    for statement in _BY_DIGEST if is_digest(reference) else _BY_NAME:
        row = connection.execute(statement, {"wanted": reference}).first()
        if row is not None:
            return _model(row)
    return None


def at(connection: Connection, uri: str) -> RegisteredModel | None:
    """Find the model that a version's URI stands for."""
    row = connection.execute(_BY_NAME[0], {"wanted": uri}).first() if _storable(uri) else None
    return None if row is None else _model(row)


def version(connection: Connection, uri: str) -> KnownVersion | None:
    """Give what a URI is linked to, and who may change that."""
    if not _storable(uri):
        return None
    row = connection.execute(_VERSION, {"wanted": uri}).first()
    if row is None:
        return None
    held = holders(connection, uri)
    return KnownVersion(bundle=Digest(row.bundle), model=row.model, version=row.version, holders=held)


def linked(connection: Connection, uris: Collection[str]) -> frozenset[str]:
    """Give the URIs that are linked to registered models."""
    wanted = [uri for uri in uris if _storable(uri)]
    return frozenset(row.uri for row in connection.execute(_LINKED, {"wanted": wanted}))


def below(connection: Connection, prefix: str, most: int) -> list[RegisteredModel]:
    """Find the models that URIs with a common beginning stand for, the newest link first."""
    if not _storable(prefix):
        return []
    asked = {"wanted": prefix, "length": len(prefix), "most": most}
    bundles = [str(row.bundle) for row in connection.execute(_BELOW, asked)]
    return [model for bundle in bundles if (model := find(connection, bundle)) is not None]


def algorithms(connection: Connection, besides: Algorithm | None = None) -> frozenset[Algorithm]:
    """Give the hash functions of all registered bundles, but for one."""
    found: set[Algorithm] = set()
    for algorithm in Algorithm:
        # Between two ends, which the primary key answers; ``LIKE`` would read the whole table.
        ends = {"low": f"{algorithm.value}:", "high": f"{algorithm.value};"}
        if algorithm is not besides and connection.execute(_OF_ALGORITHM, ends).first():
            found.add(algorithm)
    return frozenset(found)


def same_weights(connection: Connection, weights: Digest) -> list[RegisteredModel]:
    """Give every model with these numbers, the first registered first."""
    return [_model(row) for row in connection.execute(_SAME_WEIGHTS, {"wanted": weights})]


def codes(connection: Connection, seed: Digest) -> tuple[list[Digest], bytes]:
    """Give the bundles that were sketched with a seed, and their codes of 32 bytes, one after another."""
    bundles: list[Digest] = []
    packed = bytearray()
    for row in connection.execute(_CODES, {"wanted": seed}).yield_per(10_000):
        bundles.append(Digest(row.bundle))
        packed += bytes.fromhex(row.code)
    return bundles, bytes(packed)


def sketches(connection: Connection, bundle: Digest) -> dict[Digest, Digest]:
    """Give the digests of a model's sketches by the digests of their seeds."""
    rows = connection.execute(_SKETCHES, {"wanted": bundle})
    return {Digest(row.seed): Digest(row.sketch) for row in rows}


def parents(connection: Connection, bundle: Digest) -> list[KnownParent]:
    """Give what a model was derived from, in the order it was stated."""
    rows = connection.execute(_PARENTS, {"wanted": bundle})
    return [KnownParent(bundle=_digest(row.parent), relation=row.relation, uri=row.uri) for row in rows]


def grants(connection: Connection, subjects: Collection[Digest], grantee: str | None) -> list[IssuedGrant]:
    """Give all editions of the grants for models, in the order in which they were given."""
    if grantee is not None and not _storable(grantee):
        return []
    return grant_query.grants(connection, subjects, grantee)


def grant(connection: Connection, identifier: Digest) -> KnownGrant | None:
    """Give a grant and its life."""
    life, bundle = (
        grant_query.life_of(connection, identifier),
        grant_query.granted_model(connection, identifier),
    )
    if life is None or bundle is None:
        return None
    claims = grant_query.claims_about(connection, identifier)
    return KnownGrant(
        id=identifier,
        bundle=bundle,
        entry=min(claims),
        licensor=grant_query.licensor_of(connection, life, bundle),
        life=life,
        editions=grant_query.editions_of(connection, identifier),
        history=tuple(_history(row) for row in grant_query.entries_about(connection, identifier)),
        claims=claims,
    )


def versions(connection: Connection, bundle: Digest) -> list[tuple[str, str, str]]:
    """Give model name, version and URI of each place."""
    rows = connection.execute(
        select(VERSION).where(VERSION.c.bundle == bundle).order_by(VERSION.c.entry, VERSION.c.uri)
    )
    return [(row.model, row.version, row.uri) for row in rows]


def named(connection: Connection, model: str) -> list[NamedVersion]:
    """Give every place that is linked to a version of a model of this name, in the order of the ledger."""
    if not _storable(model):
        return []
    rows = connection.execute(_NAMED, {"wanted": model})
    return [
        NamedVersion(
            version=row.version,
            uri=row.uri,
            bundle=Digest(row.bundle),
            linkers=frozenset(json.loads(row.linkers)),
            entry=row.entry,
        )
        for row in rows
    ]


def version_entries(connection: Connection, model: str) -> list[int]:
    """Give the ledger entries that say versions of models of this name, also those that others followed."""
    if not _storable(model):
        return []
    return [row.idx for row in connection.execute(_SAID_VERSIONS, {"wanted": model})]


def holders(connection: Connection, uri: str) -> frozenset[str]:
    """Give who may link a URI to other files: whoever linked it, and the owner of what it stands for now.

    Nobody holds a ``file:`` URI: the same path is another place on every machine, and its files are read
    before anything is said about it.
    """
    if uri.startswith("file:"):
        return frozenset()
    row = connection.execute(_HOLDERS, {"wanted": uri}).first()
    return frozenset() if row is None else frozenset((*json.loads(row.linkers), row.owner))


def history(connection: Connection, bundle: Digest | None) -> list[HistoryEntry]:
    """Give the ledger's entries about one model, or about all, in order."""
    query = select(ENTRY).order_by(ENTRY.c.idx)
    if bundle is not None:
        query = query.where(ENTRY.c.bundle == bundle)
    return [_history(row) for row in connection.execute(query)]


def dump(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Give every projected row, ordered."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for table in PROJECTED
    }


def state(connection: Connection) -> dict[str, str]:
    """Give how far the index is, and under which ledger and trust root."""
    return {row.key: row.value for row in connection.execute(_STATE)}


def keep(connection: Connection, values: dict[str, str]) -> None:
    """Note how far the index is."""
    connection.execute(_DELETE_STATE, {"keys": list(values)})
    connection.execute(_INSERT_STATE, [{"key": key, "value": value} for key, value in values.items()])


def forget(connection: Connection) -> None:
    """Empty every table, but for the tables' own version."""
    for table in PROJECTED:
        connection.execute(delete(table))
    connection.execute(delete(STATE).where(STATE.c.key != SCHEMA_KEY))


def _model(row: Row[tuple[object, ...]]) -> RegisteredModel:
    terms = None if row.terms is None else Terms.from_json(decode(row.terms.encode(), what="the terms"))
    return RegisteredModel(
        bundle=Digest(row.bundle),
        name=row.name,
        owner=row.owner,
        presumed=row.presumed,
        license=row.license,
        terms=terms,
        weights=_digest(row.weights),
        manifest=Digest(row.manifest),
        entry=row.entry,
        registered_at=parse_time(row.registered_at),
    )


def _history(row: Row[tuple[object, ...]]) -> HistoryEntry:
    return HistoryEntry(
        index=row.idx,
        predicate_type=row.predicate_type,
        statement=Digest(row.statement),
        name=row.name,
        signers=tuple(json.loads(row.signers)),
        issued_at=row.issued_at,
        accepted=row.accepted,
        note=row.note,
    )


def _storable(text: str) -> bool:
    """Say whether a database can hold a text: half a character, from a file's name, has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest(text)
