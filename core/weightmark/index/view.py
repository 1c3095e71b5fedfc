"""What the index answers with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from weightmark.claims import Claim
from weightmark.encoding import Digest
from weightmark.licensing import IssuedGrant, Life, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A model that someone registered, as the ledger has it now.

    Attributes:
        bundle: the digest of its files; its identity.
        name: what its owner calls it.
        owner: who owns it now.
        presumed: whether the owner is only whoever registered it, and has not yet acted as its owner.
        license: the licence it stands under, as an SPDX expression; None when none was stated.
        terms: terms of its own, beside or instead of a licence.
        weights: the digest of its numbers; None when no tensors were found in it.
        manifest: SHA-256 of its manifest.
        entry: the ledger entry of its registration.
        registered_at: when it was registered, UTC, as its owner stated it.
    """

    bundle: Digest
    name: str
    owner: str
    presumed: bool
    license: str | None
    terms: Terms | None
    weights: Digest | None
    manifest: Digest
    entry: int
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownParent:
    """What a model was derived from.

    Attributes:
        bundle: the parent's bundle or weights digest; None when the owner could name it only by a URI.
        relation: how: ``fine-tune``, ``merge``, …
        uri: where it was; empty when only the digest was stated.
    """

    bundle: Digest | None
    relation: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVersion:
    """What a version's URI is linked to.

    Attributes:
        bundle: the digest of its files.
        model: the model's name on the platform.
        version: its version there.
        holders: who may link the URI to other files; empty when anybody may.
    """

    bundle: Digest
    model: str
    version: str
    holders: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedVersion:
    """One place that somebody linked to a model's version.

    Attributes:
        version: the version's name.
        uri: the place.
        bundle: the digest of its files.
        linkers: who said so.
        entry: the ledger entry that did.
    """

    version: str
    uri: str
    bundle: Digest
    linkers: frozenset[str]
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One ledger entry about a model.

    Attributes:
        index: its position in the ledger.
        predicate_type: the claim's type, a URI.
        statement: SHA-256 of the signed statement.
        name: the model's name in it.
        signers: identities whose signatures hold.
        issued_at: RFC 3339, UTC, as the signer stated it.
        accepted: whether it counts: signed by one who may say it.
        note: why not, when it does not.
    """

    index: int
    predicate_type: str
    statement: Digest
    name: str
    signers: tuple[str, ...]
    issued_at: str
    accepted: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGrant:
    """A grant, and its life so far.

    Attributes:
        id: the digest of the statement that granted it.
        bundle: the model that it is for.
        entry: the ledger entry that granted it.
        licensor: who stands as its licensor now: the model's owner, or for a sublicence whoever holds the
            grant above it.
        life: what was said about it, folded.
        editions: the grant from its first moment on, with the grants above it.
        history: every entry about it, in order, also those that do not count.
        claims: what the entries that count say, by entry.
    """

    id: Digest
    bundle: Digest
    entry: int
    licensor: str
    life: Life
    editions: tuple[IssuedGrant, ...]
    history: tuple[HistoryEntry, ...]
    claims: Mapping[int, Claim]
