"""The index: the ledger, read once, in tables that answer questions.

It can be thrown away at any time; ``rebuild`` makes the same one again.
"""

import json
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    StaticPool,

    create_engine,
    delete,
    event,
    insert,
    or_,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from weightmark.claims import TrustRoot
from weightmark.encoding import Digest, digest_bytes, parse_time
from weightmark.encoding.canonical import decode
from weightmark.errors import InclusionError, LedgerError
from weightmark.index.projection import project
from weightmark.index.schema import ENTRY, GRANT, METADATA, MODEL, PARENT, STATE, VERSION
from weightmark.index.view import HistoryEntry, KnownParent, RegisteredModel
from weightmark.licensing import Grant, IssuedGrant, Terms
from weightmark.log import LogKey, open_checkpoint
from weightmark.ports import Ledger

_PROJECTED = (ENTRY, MODEL, VERSION, PARENT, GRANT)
_REBUILD = "`weightmark ledger audit` checks the ledger; `weightmark index rebuild` makes the index anew."


class Index:
    """The projection of one ledger under one trust root.

    Args:
        url: where the tables are kept, as SQLAlchemy spells it; ``sqlite://`` for memory.

    Raises:
        LedgerError: from every method, when the database fails.
    """

    def __init__(self, url: str) -> None:
        self._lock = threading.RLock()
        self._engine = _engine(url)
        with self._transaction() as connection:
            METADATA.create_all(connection)

    def catch_up(self, ledger: Ledger, trust: TrustRoot) -> int:
        """Bring in what the ledger has recorded since the last time.

        Args:
            ledger: the ledger.
            trust: whose signatures count; another trust root than last time makes the index anew.

        Returns:
            How many entries were brought in.

        Raises:
            InclusionError: the ledger is not a continuation of the one that was read before.
        """
        setting = {"origin": ledger.origin, "trust": digest_bytes(trust.encode())}
        with self._reading() as connection:
            if _state(connection).items() >= (setting | {"checkpoint": ledger.checkpoint().note}).items():
                return 0
        with self._transaction() as connection:
            state = _state(connection)
            if any(state.get(key, value) != value for key, value in setting.items()):
                _forget(connection)
                state = {}
            return self._read(connection, ledger, trust, state, setting)

    def rebuild(self, ledger: Ledger, trust: TrustRoot) -> int:
        """Throw everything away and read the whole ledger again.

        Returns:
            How many entries were brought in.
        """
        with self._transaction() as connection:
            _forget(connection)
            setting = {"origin": ledger.origin, "trust": digest_bytes(trust.encode())}
            return self._read(connection, ledger, trust, {}, setting)

    def find(self, reference: str) -> RegisteredModel | None:
        """Find a model.

        Args:
            reference: a version's URI, a bundle digest, a weights digest, or a name (the newest of that name).

        Returns:
            The model; None when nothing fits.
        """
        with self._reading() as connection:
            version = select(VERSION.c.bundle).where(VERSION.c.uri == reference).scalar_subquery()
            for condition in (
                MODEL.c.bundle == version,
                MODEL.c.bundle == reference,
                MODEL.c.weights == reference,
                MODEL.c.name == reference,
            ):
                # Of equal weights the first registration counts, of equal names the newest.
                order = MODEL.c.entry.desc() if condition.left is MODEL.c.name else MODEL.c.entry
                row = connection.execute(select(MODEL).where(condition).order_by(order).limit(1)).first()
                if row is not None:
                    return _model(row)
        return None

    def same_weights(self, weights: Digest) -> list[RegisteredModel]:
        """Give every registered model with exactly these numbers, the first registered first."""
        with self._reading() as connection:
            rows = connection.execute(select(MODEL).where(MODEL.c.weights == weights).order_by(MODEL.c.entry))
            return [_model(row) for row in rows]

    def parents(self, bundle: Digest) -> list[KnownParent]:
        """Give what a model was derived from, as its owner stated it."""
        with self._reading() as connection:
            rows = connection.execute(select(PARENT).where(PARENT.c.child == bundle).order_by(PARENT.c.position))
            return [
                KnownParent(bundle=row.parent and Digest(row.parent), relation=row.relation, uri=row.uri)
                for row in rows
            ]

    def grants(self, subjects: Collection[Digest], grantee: str | None = None) -> list[IssuedGrant]:
        """Give the grants for models.

        Args:
            subjects: bundle and weights digests.
            grantee: only those for this party; None for all.
        """
        condition = or_(GRANT.c.subject.in_(list(subjects)), GRANT.c.bundle.in_(list(subjects)))
        if grantee is not None:
            condition &= GRANT.c.grantee == grantee
        with self._reading() as connection:
            rows = connection.execute(select(GRANT).where(condition).order_by(GRANT.c.entry)).all()
        return [_grant(row) for row in rows]

    def granted_model(self, grant: Digest) -> Digest | None:
        """Give the bundle digest of the model that a grant is for; None when there is no such grant."""
        with self._reading() as connection:
            row = connection.execute(select(GRANT.c.bundle).where(GRANT.c.id == grant)).first()
            return None if row is None else Digest(row.bundle)

    def versions(self, bundle: Digest) -> list[tuple[str, str, str]]:
        """Give the model name, version and URI of each place where these files were seen."""
        with self._reading() as connection:
            rows = connection.execute(
                select(VERSION).where(VERSION.c.bundle == bundle).order_by(VERSION.c.entry, VERSION.c.uri)
            )
            return [(row.model, row.version, row.uri) for row in rows]

    def history(self, bundle: Digest | None = None) -> list[HistoryEntry]:
        """Give every ledger entry about a model, in order; about all models when none is named."""
        query = select(ENTRY).order_by(ENTRY.c.idx)
        if bundle is not None:
            query = query.where(ENTRY.c.bundle == bundle)
        with self._reading() as connection:
            return [_history(row) for row in connection.execute(query)]

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Give every projected row of every table, ordered, for comparing two indexes."""
        with self._reading() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in _PROJECTED
            }

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def _read(
        self,
        connection: Connection,
        ledger: Ledger,
        trust: TrustRoot,
        state: dict[str, str],
        setting: dict[str, str],
    ) -> int:
        position = int(state.get("position", "0"))
        checkpoint = ledger.checkpoint()
        size = checkpoint.checkpoint.size
        if state.get("checkpoint") == checkpoint.note:
            return 0
        if "checkpoint" in state:
            _check_grown(ledger, state["checkpoint"], size, checkpoint.checkpoint.root)
        for entry in ledger.entries(position, size):
            project(connection, entry, trust)
        _keep(connection, setting | {"position": str(size), "checkpoint": checkpoint.note})
        return size - position

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._transaction(reading=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, reading: bool = False) -> Iterator[Connection]:
        try:
            with self._lock, self._engine.connect().execution_options(reading=reading) as connection:
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error)
            raise LedgerError(f"the index at {self._engine.url!r} failed: {reason}", hint=_REBUILD) from error


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    in_memory = url in ("sqlite://", "sqlite:///:memory:")
    options = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 60}, **options)

    # SQLAlchemy's page on the pysqlite dialect: this is how a transaction is made to begin where it is said to.
    def on_connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _check_grown(ledger: Ledger, note: str, size: int, root: bytes) -> None:
    seen = open_checkpoint(note, LogKey.parse(ledger.verifier_key)).checkpoint
    if seen.size > size:
        raise InclusionError(
            f"the ledger {ledger.origin} has {size} entries, but {seen.size} were there before", hint=_REBUILD
        )
    ledger.prove_consistency(seen.size, size).check(seen.root, root)


def _state(connection: Connection) -> dict[str, str]:
    return {row.key: row.value for row in connection.execute(select(STATE))}


def _keep(connection: Connection, values: dict[str, str]) -> None:
    connection.execute(delete(STATE).where(STATE.c.key.in_(list(values))))
    connection.execute(insert(STATE), [{"key": key, "value": value} for key, value in values.items()])


def _forget(connection: Connection) -> None:
    for table in (*_PROJECTED, STATE):
        connection.execute(delete(table))


def _model(row: Row[tuple[object, ...]]) -> RegisteredModel:
    terms = None if row.terms is None else Terms.from_json(decode(row.terms.encode(), what="the terms"))
    return RegisteredModel(
        bundle=Digest(row.bundle),
        name=row.name,
        owner=row.owner,
        license=row.license,
        terms=terms,
        weights=row.weights and Digest(row.weights),
        manifest=Digest(row.manifest),
        entry=row.entry,
        registered_at=parse_time(row.registered_at),
    )


def _grant(row: Row[tuple[object, ...]]) -> IssuedGrant:
    return IssuedGrant(
        id=row.id,
        grant=Grant.from_json(decode(row.body.encode(), what="the grant")),
        revoked_at=None if row.revoked_at is None else parse_time(row.revoked_at),
    )


def _history(row: Row[tuple[object, ...]]) -> HistoryEntry:
    signers: Sequence[str] = json.loads(row.signers)
    return HistoryEntry(
        index=row.idx,
        predicate_type=row.predicate_type,
        statement=Digest(row.statement),
        name=row.name,
        signers=tuple(signers),
        issued_at=row.issued_at,
        accepted=row.accepted,
        note=row.note,
    )


