"""Claims about what a model is: registered, a version, derived from others, handed over.

Not promised: that they are true. A claim is what its signer says.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from weightmark.claims.likeness import Likeness
from weightmark.claims.subject import check_text
from weightmark.encoding import Algorithm, Digest, Json, KeyId, Record, format_time, parse_digest
from weightmark.errors import MalformedError
from weightmark.model.lineage import Parent, Relation
from weightmark.vocabulary import Predicate

MAX_PARENTS = 64
_KEY_ID_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The owner says: this model exists, it is mine, and this is what it is made of.

    Args:
        owner: who owns it, 1 to 1024 printable characters.
        license: an SPDX licence expression; None when the owner did not say.
        presumed: whether nobody said who owns it, so that it was put down to whoever registered it.
        algorithm: the hash function of the digests.
        tensors: the digest over its tensors with their names; None when no format could read them.
        architecture: the digest over its configuration and shapes; None when there is no configuration.
        manifest: SHA-256 over the manifest's bytes.
        likeness: what it is looked up by when one looks for its like, one for each seed.
        files: how many files it has.
        size: how many bytes they have together.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: a text does not print, is empty or too long, or a digest is none.
    """

    predicate_type: ClassVar[Predicate] = Predicate.REGISTRATION

    owner: str
    license: str | None = None
    presumed: bool = False
    algorithm: Algorithm = Algorithm.SHA256
    tensors: Digest | None = None
    architecture: Digest | None = None
    manifest: Digest
    likeness: tuple[Likeness, ...] = ()
    files: int
    size: int
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.owner, "the owner", least=1)
        if self.license is not None:
            check_text(self.license, "the licence", least=1)
        for digest in (self.tensors, self.architecture, self.manifest):
            if digest is not None:
                parse_digest(digest)
        if len({likeness.seed for likeness in self.likeness}) != len(self.likeness):
            raise MalformedError("a registration has two sketches with one seed")
        if self.files < 0 or self.size < 0:
            raise MalformedError(f"a model cannot have {self.files} files of {self.size} bytes")

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return without_none(
            {
                "owner": self.owner,
                "license": self.license,
                "presumed": self.presumed or None,
                "algorithm": self.algorithm.value,
                "tensors": self.tensors,
                "architecture": self.architecture,
                "manifest": self.manifest,
                "likeness": [each.to_json() for each in self.likeness] or None,
                "files": self.files,
                "size": self.size,
                "issuedAt": format_time(self.issued_at),
            }
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a registration.
        """
        algorithm = record.text("algorithm")
        if algorithm not in set(Algorithm):
            raise MalformedError(
                f"'algorithm' in {record.what} is {algorithm[:40]!r}, not one of {_names(Algorithm)}"
            )
        return cls(
            owner=record.text("owner"),
            license=record.optional_text("license"),
            presumed=record.boolean("presumed", default=False),
            algorithm=Algorithm(algorithm),
            tensors=record.optional_digest("tensors"),
            architecture=record.optional_digest("architecture"),
            manifest=record.digest("manifest"),
            likeness=_likeness(record),
            files=record.integer("files"),
            size=record.integer("size"),
            issued_at=record.time("issuedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionClaim:
    """The subject is a version of a named model.

    Args:
        model: the model's name on its platform, 1 to 1024 printable characters.
        version: the version's name there, 1 to 1024 printable characters.
        uri: where it stands, as the platform names it; may be empty.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: a text does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.VERSION

    model: str
    version: str
    uri: str = ""
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.model, "the model's name", least=1)
        check_text(self.version, "the version", least=1)
        check_text(self.uri, "the URI")

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {
            "model": self.model,
            "version": self.version,
            "uri": self.uri,
            "issuedAt": format_time(self.issued_at),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a version.
        """
        return cls(
            model=record.text("model"),
            version=record.text("version"),
            uri=record.text("uri"),
            issued_at=record.time("issuedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """The subject was made from other models.

    Args:
        parents: the models it was made from, 1 to ``MAX_PARENTS``, no two alike.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: there are none, too many, or one stands twice.
    """

    predicate_type: ClassVar[Predicate] = Predicate.DERIVATION

    parents: tuple[Parent, ...]
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parents."""
        if not 1 <= len(self.parents) <= MAX_PARENTS:
            raise MalformedError(f"a derivation has {len(self.parents)} parents; expected 1 to {MAX_PARENTS}")
        if len({(parent.subject or parent.uri, parent.relation) for parent in self.parents}) != len(
            self.parents
        ):
            raise MalformedError("a derivation names one parent twice in the same relation")
        for parent in self.parents:
            if parent.subject is not None:
                parse_digest(parent.subject, what="the parent's digest")
            check_text(parent.uri, "the parent's URI", least=1 if parent.subject is None else 0)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        parents: list[Json] = [
            without_none({"subject": parent.subject, "relation": parent.relation.value, "uri": parent.uri})
            for parent in self.parents
        ]
        return {"parents": parents, "issuedAt": format_time(self.issued_at)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a derivation.
        """
        parents: list[Parent] = []
        for item in record.records("parents"):
            relation = item.text("relation")
            if relation not in set(Relation):
                raise MalformedError(
                    f"'relation' in {item.what} is {relation[:40]!r}, not one of {_names(Relation)}"
                )
            parents.append(
                Parent(
                    subject=item.optional_digest("subject"), relation=Relation(relation), uri=item.text("uri")
                )
            )
            item.done()
        return cls(parents=tuple(parents), issued_at=record.time("issuedAt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """The present owner hands the model over; only the present owner's signature makes it count.

    Args:
        new_owner: who owns it from now on, 1 to 1024 printable characters.
        new_key: the key that speaks for them from now on.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the name does not print, is empty or too long, or the key id is none.
    """

    predicate_type: ClassVar[Predicate] = Predicate.TRANSFER

    new_owner: str
    new_key: KeyId
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.new_owner, "the new owner", least=1)
        if len(self.new_key) != _KEY_ID_DIGITS or set(self.new_key) - set("0123456789abcdef"):
            raise MalformedError(
                f"the new owner's key id is {self.new_key[:80]!r}, "
                f"not {_KEY_ID_DIGITS} lowercase hexadecimal digits"
            )

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {
            "newOwner": self.new_owner,
            "newKey": self.new_key,
            "issuedAt": format_time(self.issued_at),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a transfer.
        """
        return cls(
            new_owner=record.text("newOwner"),
            new_key=KeyId(record.text("newKey")),
            issued_at=record.time("issuedAt"),
        )


def without_none(fields: dict[str, Json]) -> Json:
    """Leave out the fields that have no value: absent is written in one way only.

    Raises:
        Nothing.
    """
    return {key: value for key, value in fields.items() if value is not None}


def _likeness(record: Record) -> tuple[Likeness, ...]:
    items = record.records("likeness") if record.has("likeness") else ()
    return tuple(Likeness.from_record(item) for item in items)


def _names(kind: type[Algorithm] | type[Relation]) -> str:
    return ", ".join(member.value for member in kind)
