"""The index: the ledger, read once, in tables that answer questions.

It can be thrown away at any time; ``rebuild`` makes the same one again. SQLAlchemy is read when an index is
opened, not before: most commands that need no index start without it.
"""

from collections.abc import Collection, Generator
from contextlib import contextmanager

from weightmark.claims import Statement, TrustRoot
from weightmark.encoding import Algorithm, Digest, digest_bytes
from weightmark.errors import InclusionError
from weightmark.index.view import (
    HistoryEntry,
    KnownGrant,
    KnownParent,
    KnownVersion,
    NamedVersion,
    RegisteredModel,
)
from weightmark.licensing import IssuedGrant
from weightmark.log import LogKey, open_checkpoint
from weightmark.ports import Ledger


class Index:
    """The projection of one ledger under one trust root.

    Args:
        url: where the tables are kept, as SQLAlchemy spells it; ``sqlite://`` for memory.

    Raises:
        LedgerError: from every method, when the database fails.
    """

    def __init__(self, url: str) -> None:
        from weightmark.index.database import Database

        self._database = Database(url)
        self._trusted: tuple[TrustRoot | None, Digest] = (None, Digest(""))

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
        from weightmark.index import query

        newest = self._setting(ledger, trust) | {"checkpoint": ledger.checkpoint().note}
        with self._database.reading() as connection:
            if query.state(connection).items() >= newest.items():
                return 0
        return self._read(ledger, trust, anew=False)

    def rebuild(self, ledger: Ledger, trust: TrustRoot) -> int:
        """Throw everything away and read the whole ledger again.

        Returns:
            How many entries were brought in.
        """
        return self._read(ledger, trust, anew=True)

    @contextmanager
    def still(self) -> Generator[None, None, None]:
        """Ask several questions about one and the same state; nothing may be brought in meanwhile."""
        with self._database.reading():
            yield

    def find(self, reference: str) -> RegisteredModel | None:
        """Find a model.

        Args:
            reference: a bundle digest, a weights digest, a version's URI, or a name (its newest model).

        Returns:
            The model; None when nothing fits.
        """
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.find(connection, reference)

    def at(self, uri: str) -> RegisteredModel | None:
        """Find the model that a version's URI stands for; None when nobody linked it."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.at(connection, uri)

    def version(self, uri: str) -> KnownVersion | None:
        """Give what a version's URI is linked to; None when nobody linked it."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.version(connection, uri)

    def linked(self, uris: Collection[str]) -> frozenset[str]:
        """Give those of several URIs, some hundreds at most, that are linked to registered files."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.linked(connection, uris)

    def below(self, prefix: str, most: int) -> list[RegisteredModel]:
        """Find the models that URIs with a common beginning stand for, the newest link first.

        Args:
            prefix: how the URIs begin.
            most: how many models are given at most.
        """
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.below(connection, prefix, most)

    def algorithms(self, *, besides: Algorithm | None = None) -> frozenset[Algorithm]:
        """Give the hash functions by which models were registered, but for one that needs no asking."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.algorithms(connection, besides)

    def same_weights(self, weights: Digest) -> list[RegisteredModel]:
        """Give every registered model with exactly these numbers, the first registered first."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.same_weights(connection, weights)

    def codes(self, seed: Digest) -> tuple[list[Digest], bytes]:
        """Give the bundles that were sketched with a seed, and their codes of 32 bytes, one after another."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.codes(connection, seed)

    def sketches(self, bundle: Digest) -> dict[Digest, Digest]:
        """Give the digests of a model's sketches by the digests of their seeds."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.sketches(connection, bundle)

    def parents(self, bundle: Digest) -> list[KnownParent]:
        """Give what a model was derived from, as its owner stated it."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.parents(connection, bundle)

    def grants(self, subjects: Collection[Digest], grantee: str | None = None) -> list[IssuedGrant]:
        """Give all editions of the grants for models, with those of the grants that sublicences stand on.

        Args:
            subjects: bundle and weights digests.
            grantee: only those that this party holds or held; None for all.
        """
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.grants(connection, subjects, grantee)

    def grant(self, identifier: Digest) -> KnownGrant | None:
        """Give a grant with its life and its history; None when there is no such grant."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.grant(connection, identifier)

    def grants_from(self, beginning: str) -> list[Digest]:
        """Give the ids of the grants that begin so, in order, four at most."""
        from weightmark.index import grant_query

        with self._database.reading() as connection:
            return grant_query.grants_from(connection, beginning)

    def granted_model(self, grant: Digest) -> Digest | None:
        """Give the bundle digest of the model that a grant is for; None when there is no such grant."""
        from weightmark.index import grant_query

        with self._database.reading() as connection:
            return grant_query.granted_model(connection, grant)

    def licensors(self, bundle: Digest) -> frozenset[str]:
        """Give everybody who gave grants for a model that counted: its owners, and who sublicensed it."""
        from weightmark.index import grant_query

        with self._database.reading() as connection:
            return grant_query.licensors(connection, bundle)

    def require(self, statement: Statement, signers: Collection[str]) -> None:
        """Check that a grant, or something said about one, would count if it were recorded now.

        Args:
            statement: what is about to be said.
            signers: who is about to sign it.

        Raises:
            NotEntitledError: it would not; the message says why.
        """
        from weightmark.index.granting import require

        with self._database.reading() as connection:
            require(connection, statement, signers)

    def versions(self, bundle: Digest) -> list[tuple[str, str, str]]:
        """Give the model name, version and URI of each place where these files were seen."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.versions(connection, bundle)

    def named(self, model: str) -> list[NamedVersion]:
        """Give every place that is linked to a version of a model of this name, in the ledger's order."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.named(connection, model)

    def version_entries(self, model: str) -> list[int]:
        """Give the ledger entries that say versions of models of this name, also those superseded since."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.version_entries(connection, model)

    def holders(self, uri: str) -> frozenset[str]:
        """Give who may link a version's URI to other files; empty when anybody may."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.holders(connection, uri)

    def history(self, bundle: Digest | None = None) -> list[HistoryEntry]:
        """Give every ledger entry about a model, in order; about all models when none is named."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.history(connection, bundle)

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Give every projected row of every table, ordered, for comparing two indexes."""
        from weightmark.index import query

        with self._database.reading() as connection:
            return query.dump(connection)

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()

    def _read(self, ledger: Ledger, trust: TrustRoot, *, anew: bool) -> int:
        from weightmark.index import query
        from weightmark.index.projection import project

        setting = self._setting(ledger, trust)
        with self._database.writing() as connection:
            state = query.state(connection)
            if anew or any(state.get(key, value) != value for key, value in setting.items()):
                query.forget(connection)
                state = {}
            head = ledger.checkpoint()
            if "checkpoint" in state:
                _check_grown(ledger, state["checkpoint"], head.checkpoint.size, head.checkpoint.root)
            position = int(state.get("position", "0"))
            for entry in ledger.entries(position, head.checkpoint.size):
                project(connection, entry, trust)
            query.keep(connection, setting | {"position": str(head.checkpoint.size), "checkpoint": head.note})
            return head.checkpoint.size - position

    def _setting(self, ledger: Ledger, trust: TrustRoot) -> dict[str, str]:
        known, digest = self._trusted
        if known is not trust:  # a trust root is a value: the same object is the same trust
            digest = digest_bytes(trust.encode())
            self._trusted = trust, digest
        return {"origin": ledger.origin, "trust": digest}


def _check_grown(ledger: Ledger, note: str, size: int, root: bytes) -> None:
    seen = open_checkpoint(note, LogKey.parse(ledger.verifier_key)).checkpoint
    if seen.size > size:
        raise InclusionError(
            f"the ledger {ledger.origin} has {size} entries, but {seen.size} were there before",
            hint="Look for the lost entries; `weightmark index rebuild` then takes the ledger as it is.",
        )
    ledger.prove_consistency(seen.size, size).check(seen.root, root)
