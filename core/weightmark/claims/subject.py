"""What a statement is about: one model, by name and digests.

Not promised: that the name is unique. Digests identify; a name is for people.
"""

from dataclasses import dataclass
from typing import Self

from weightmark.encoding import Algorithm, Digest, Json, Record, parse_digest
from weightmark.errors import MalformedError
from weightmark.vocabulary import DigestKey

MAX_NAME = 256
"""Characters of a subject's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model that a statement is about.

    Args:
        name: the model's name as people know it; printable, 1 to ``MAX_NAME`` characters.
        bundle: the digest over its files and their names.
        weights: the digest over its tensors, whatever files they lie in; None when no format could read them.

    Raises:
        MalformedError: one of these does not hold.
    """

    name: str
    bundle: Digest
    weights: Digest | None = None

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.name, "the subject's name", least=1, most=MAX_NAME)
        parse_digest(self.bundle, what="the subject's bundle digest")
        if self.weights is not None:
            parse_digest(self.weights, what="the subject's weights digest")

    def to_json(self) -> Json:
        """Give the in-toto resource descriptor.

        Raises:
            Nothing.

        Source: in-toto attestation framework 1.0, resource_descriptor.md and digest_set.md.
        """
        digests = dict([_entry(DigestKey.BUNDLE, self.bundle)])
        if self.weights is not None:
            digests.update([_entry(DigestKey.WEIGHTS, self.weights)])
        return {"name": self.name, "digest": digests}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read a resource descriptor.

        Raises:
            MalformedError: it names no bundle digest, two of one kind, or anything that is not known here.
        """
        name = record.text("name")
        digests = record.record("digest")
        record.done()
        bundle = _digest(digests, DigestKey.BUNDLE)
        weights = _digest(digests, DigestKey.WEIGHTS)
        digests.done()
        if bundle is None:
            raise MalformedError(
                f"{digests.what} has no {DigestKey.BUNDLE.value!r} digest",
                hint="A statement about a model names its bundle digest; make it with `weightmark register`.",
            )
        return cls(name=name, bundle=bundle, weights=weights)


def check_text(text: str, what: str, *, least: int = 0, most: int = 1024) -> None:
    """Check text that people will read.

    Args:
        text: any text.
        what: its name in messages.
        least: the fewest characters.
        most: the most characters.

    Raises:
        MalformedError: it is too short, too long, or has characters that do not print (controls, line ends,
            marks that turn the direction of writing).
    """
    if not least <= len(text) <= most:
        raise MalformedError(f"{what} has {len(text)} characters; expected {least} to {most}")
    if not text.isprintable():
        odd = next(character for character in text if not character.isprintable())
        raise MalformedError(f"{what} holds the character U+{ord(odd):04X}, which does not print")


def _entry(key: DigestKey, digest: Digest) -> tuple[str, str]:
    algorithm, raw = parse_digest(digest)
    return f"{key.value}-{algorithm.value}", raw.hex()


def _digest(record: Record, key: DigestKey) -> Digest | None:
    found: list[Digest] = []
    for algorithm in Algorithm:
        value = record.optional_text(f"{key.value}-{algorithm.value}")
        if value is not None:
            digest = Digest(f"{algorithm.value}:{value}")
            parse_digest(digest, what=f"{key.value!r} in {record.what}")
            found.append(digest)
    if len(found) > 1:
        raise MalformedError(f"{record.what} has {key.value!r} by two algorithms; expected one")
    return found[0] if found else None
