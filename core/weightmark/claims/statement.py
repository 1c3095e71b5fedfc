"""The statement: one claim about one subject, ready to be signed.

Not promised: truth, or a signature. See the envelope for who said it.
"""

from dataclasses import dataclass
from typing import Self

from weightmark.claims.claim import Claim, read_claim
from weightmark.claims.subject import Subject
from weightmark.encoding import Digest, Json, Record, decode, digest_bytes, encode
from weightmark.errors import MalformedError
from weightmark.vocabulary import STATEMENT_TYPE

MAX_STATEMENT = 4000
"""Bytes of an encoded statement. A key management service signs no message of more than 4096 bytes, and
the pre-authentication encoding takes some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A claim about a subject, unsigned.

    Args:
        subject: the model.
        claim: what is said about it.
    """

    subject: Subject
    claim: Claim

    @property
    def digest(self) -> Digest:
        """The statement's id: SHA-256 over its canonical bytes, which are the envelope's payload.

        Raises:
            MalformedError: the statement is too long.
        """
        return digest_bytes(self.encode())

    def encode(self) -> bytes:
        """Write the statement as canonical JSON.

        Returns:
            UTF-8 bytes, at most ``MAX_STATEMENT``.

        Raises:
            MalformedError: it is longer; the message names its longest fields.
            ValueError: a time in it has no zone.

        Source: in-toto attestation framework 1.0, statement.md; RFC 8785.
        """
        subject, predicate = self.subject.to_json(), self.claim.to_json()
        data = encode(
            {
                "_type": STATEMENT_TYPE,
                "subject": [subject],
                "predicateType": self.claim.predicate_type.value,
                "predicate": predicate,
            }
        )
        if len(data) > MAX_STATEMENT:
            longest = sorted(_sizes({"subject": subject, "predicate": predicate}), reverse=True)[:3]
            fields = ", ".join(f"{name} ({size} bytes)" for size, name in longest)
            raise MalformedError(
                f"the statement has {len(data)} bytes; at most {MAX_STATEMENT} can be signed",
                hint=f"Shorten its longest fields: {fields}.",
            )
        return data

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the statement") -> Self:
        """Read a statement strictly.

        Args:
            data: JSON of at most ``MAX_STATEMENT`` bytes, in its canonical form.
            what: its name in messages.

        Raises:
            MalformedError: it is not an in-toto statement about one model with a predicate known here, or not
                written as it is written here.

        Source: in-toto attestation framework 1.0, statement.md.
        """
        if len(data) > MAX_STATEMENT:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_STATEMENT} are read")
        record = Record(decode(data, what=what), what)
        kind = record.text("_type")
        if kind != STATEMENT_TYPE:
            raise MalformedError(f"'_type' in {what} is {kind[:80]!r}, not {STATEMENT_TYPE!r}")
        subjects = list(record.records("subject"))
        if len(subjects) != 1:
            raise MalformedError(
                f"{what} has {len(subjects)} subjects; expected 1",
                hint="Make one statement for each model.",
            )
        predicate_type, predicate = record.text("predicateType"), record.record("predicate")
        record.done()
        statement = cls(subject=Subject.from_record(subjects[0]), claim=read_claim(predicate_type, predicate))
        if statement.encode() != data:
            raise MalformedError(
                f"{what} is not in its canonical form, so its digest would not name it",
                hint="Write it with Weightmark; do not format or edit signed JSON.",
            )
        return statement


def _sizes(value: Json, name: str = "") -> list[tuple[int, str]]:
    """Give the size in bytes of every member that has no members of its own, with its path."""
    if isinstance(value, dict):
        return [
            pair for key, child in value.items() for pair in _sizes(child, f"{name}.{key}" if name else key)
        ]
    return [(len(encode(value)), name)]
