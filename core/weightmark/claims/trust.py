"""Where trust starts: whose key is whose, and which logs are believed.

Not promised: that a key was never stolen. A trust root says whom its owner decided to trust.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from weightmark.claims.key import PublicKey
from weightmark.claims.policy import Policy
from weightmark.claims.subject import check_text
from weightmark.encoding import Json, KeyId, Record, decode, encode, format_time
from weightmark.errors import MalformedError
from weightmark.log.checkpoint import LogKey
from weightmark.vocabulary import TRUST_ROOT_MEDIA_TYPE

MAX_SIZE = 4 << 20
"""Bytes of an encoded trust root; a longer one is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key, whose it is, and when it counts.

    Args:
        identity: whose key it is, 1 to 256 printable characters: a mail address, a URI, a company.
        key: the key.
        valid_from: the first moment it counts, with a zone; None for always before.
        valid_until: the first moment it no longer counts, with a zone; None for always after.

    Raises:
        MalformedError: the identity does not print, is empty or too long; or the end is not after the start.
        ValueError: a time has no zone.
    """

    identity: str
    key: PublicKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.identity, "the identity", least=1, most=256)
        for moment in (self.valid_from, self.valid_until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a time without a zone is no time")
        if (
            self.valid_from is not None
            and self.valid_until is not None
            and self.valid_until <= self.valid_from
        ):
            raise MalformedError(
                f"the key {self.key.key_id} of {self.identity} is valid until before it is valid"
            )

    def is_valid(self, at: datetime) -> bool:
        """Say whether the key counts at a moment.

        Args:
            at: with a zone.

        Raises:
            TypeError: the moment has no zone.
        """
        started = self.valid_from is None or self.valid_from <= at
        return started and (self.valid_until is None or at < self.valid_until)

    def to_json(self) -> Json:
        """Give the key as a member of a trust root.

        Raises:
            Nothing.
        """
        fields: dict[str, Json] = {"identity": self.identity, "publicKey": self.key.pem.decode("ascii")}
        if self.valid_from is not None:
            fields["validFrom"] = format_time(self.valid_from)
        if self.valid_until is not None:
            fields["validUntil"] = format_time(self.valid_until)
        return fields

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read a member of a trust root.

        Raises:
            MalformedError: it is not a key with its identity.
        """
        pem = record.text("publicKey")
        key = PublicKey.from_pem(pem.encode("utf-8", "replace"), what=f"'publicKey' in {record.what}")
        trusted = cls(
            identity=record.text("identity"),
            key=key,
            valid_from=record.optional_time("validFrom"),
            valid_until=record.optional_time("validUntil"),
        )
        record.done()
        return trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """The keys and the logs that somebody decided to trust.

    Args:
        keys: no key twice, so that one key never speaks for two.
        logs: the logs whose checkpoints are believed; no log twice.
        policy: what is asked for when a verifier brings no policy of its own.

    Raises:
        MalformedError: a key or a log stands twice.
    """

    keys: tuple[TrustedKey, ...] = ()
    logs: tuple[LogKey, ...] = ()
    policy: Policy | None = None

    def __post_init__(self) -> None:
        """Refuse doubles."""
        seen: dict[KeyId, str] = {}
        for trusted in self.keys:
            key_id = trusted.key.key_id
            if key_id in seen:
                raise MalformedError(
                    f"the trust root has the key {key_id} twice: {seen[key_id]} and {trusted.identity}",
                    hint="Keep one of the two; a key speaks for one identity.",
                )
            seen[key_id] = trusted.identity
        if len({log.text for log in self.logs}) != len(self.logs):
            raise MalformedError("the trust root has a log twice", hint="Keep one of the two.")

    def find(self, key_id: KeyId) -> TrustedKey | None:
        """Find a key by its id; None when it is not trusted.

        Raises:
            Nothing.
        """
        return next((trusted for trusted in self.keys if trusted.key.key_id == key_id), None)

    def add(self, *keys: TrustedKey, logs: Sequence[LogKey] = ()) -> Self:
        """Give a trust root that trusts more; what is in it already is not added again.

        Raises:
            MalformedError: a key is in it already, but for another identity or another time.
        """
        new_keys = [key for key in dict.fromkeys(keys) if key not in self.keys]
        known = {log.text for log in self.logs}
        new_logs = {log.text: log for log in logs if log.text not in known}
        return replace(self, keys=(*self.keys, *new_keys), logs=(*self.logs, *new_logs.values()))

    def merge(self, other: "TrustRoot") -> Self:
        """Give a trust root that trusts what either trusts, under this one's policy.

        Raises:
            MalformedError: the two name one key for different identities or different times.
        """
        return replace(self.add(*other.keys, logs=other.logs), policy=self.policy or other.policy)

    def encode(self) -> bytes:
        """Write the trust root as canonical JSON.

        Raises:
            Nothing.
        """
        fields: dict[str, Json] = {
            "mediaType": TRUST_ROOT_MEDIA_TYPE,
            "keys": [trusted.to_json() for trusted in self.keys],
            "logs": [log.text for log in self.logs],
        }
        if self.policy is not None:
            fields["policy"] = self.policy.to_json()
        return encode(fields)

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the trust root") -> Self:
        """Read a trust root strictly.

        Args:
            data: JSON of at most ``MAX_SIZE`` bytes.
            what: its name in messages.

        Raises:
            MalformedError: it is not a trust root; the message says what is wrong.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_SIZE} are read")
        record = Record(decode(data, what=what), what)
        media_type = record.text("mediaType")
        if media_type != TRUST_ROOT_MEDIA_TYPE:
            raise MalformedError(
                f"'mediaType' in {what} is {media_type[:80]!r}, not {TRUST_ROOT_MEDIA_TYPE!r}"
            )
        root = cls(
            keys=tuple(TrustedKey.from_record(item) for item in record.records("keys")),
            logs=tuple(LogKey.parse(text) for text in record.texts("logs")),
            policy=Policy.from_record(record.record("policy")) if record.has("policy") else None,
        )
        if root.policy is None:
            record.optional_text("policy")
        record.done()
        return root
