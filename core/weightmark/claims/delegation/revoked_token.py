"""Revoked tokens: a small signed list of the blocks that no longer count, made to travel.

A status list has one place for each grant and none for tokens, which anybody may make offline. So tokens are
revoked by the ids of their blocks, in a list of their own. An id revokes its block and all narrowed from it.

Not promised: that a list is the newest. It says until when it counts as fresh.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.subject import check_text
from weightmark.claims.trust import TrustRoot
from weightmark.encoding import Json, Record, decode, encode, format_time
from weightmark.errors import ExpiredError, MalformedError, StaleStatusError, UntrustedKeyError
from weightmark.vocabulary import REVOKED_TOKENS_MEDIA_TYPE

MAX_LIST: Final = 4 << 20
"""Bytes of an encoded list; a longer one is not read."""

_ID_DIGITS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedToken:
    """One block that no longer counts.

    Args:
        id: its revocation id: 128 lowercase hexadecimal digits.
        at: since when, with a zone.
        cause: why, for people: 1 to 256 printable characters.

    Raises:
        MalformedError: the id is none, or the cause does not print, is empty or too long.
    """

    id: str
    at: datetime
    cause: str

    def __post_init__(self) -> None:
        """Check the parts."""
        if len(self.id) != _ID_DIGITS or not set(self.id) <= set("0123456789abcdef"):
            raise MalformedError(
                f"{self.id[:80]!r} is no revocation id",
                hint="See the ids of a token's blocks: `weightmark license delegated FILE --show`.",
            )
        check_text(self.cause, "the cause", least=1, most=256)

    def to_json(self) -> dict[str, Json]:
        """Give it as a member of a list.

        Raises:
            Nothing.
        """
        return {"at": format_time(self.at), "cause": self.cause, "id": self.id}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedTokens:
    """A list of one issuer.

    Args:
        issuer: who revokes.
        issued_at: when the list was made, with a zone.
        fresh_until: the first moment at which a newer list must be asked for, with a zone.
        tokens: what is revoked, no id twice.

    Raises:
        MalformedError: an id stands twice, or the list is stale as soon as it is made.
    """

    issuer: str
    issued_at: datetime
    fresh_until: datetime
    tokens: tuple[RevokedToken, ...] = ()

    def __post_init__(self) -> None:
        """Check the parts and put them in order."""
        check_text(self.issuer, "the issuer", least=1, most=256)
        if self.fresh_until <= self.issued_at:
            raise MalformedError("the list of revoked tokens is stale as soon as it is made")
        tokens = tuple(sorted(self.tokens, key=lambda token: token.id))
        if len({token.id for token in tokens}) != len(tokens):
            raise MalformedError("the list of revoked tokens has an id twice")
        object.__setattr__(self, "tokens", tokens)

    def find(self, ids: Iterable[str], at: datetime) -> RevokedToken | None:
        """Find the first of some blocks that is revoked at a moment; None when none is.

        Raises:
            Nothing.
        """
        revoked = {token.id: token for token in self.tokens if token.at <= at}
        return next((revoked[id_] for id_ in ids if id_ in revoked), None)

    def require_fresh(self, at: datetime) -> None:
        """Check that the list may still be relied on.

        Raises:
            StaleStatusError: it is too old, or from the future.
        """
        if not self.issued_at <= at < self.fresh_until:
            raise StaleStatusError(
                f"the list of tokens that {self.issuer} revoked is of {format_time(self.issued_at)} and"
                f" counts until {format_time(self.fresh_until)}; it is {format_time(at)}",
                hint=f"Bring the newest list from {self.issuer}.",
            )

    def sign(self, sign: Callable[[bytes], Signature]) -> Envelope:
        """Sign the list.

        Raises:
            WeightmarkError: the signer could not sign.
        """
        payload = encode(
            {
                "freshUntil": format_time(self.fresh_until),
                "issuedAt": format_time(self.issued_at),
                "issuer": self.issuer,
                "tokens": [token.to_json() for token in self.tokens],
            }
        )
        signature = sign(pre_authentication(REVOKED_TOKENS_MEDIA_TYPE, payload))
        return Envelope(payload=payload, payload_type=REVOKED_TOKENS_MEDIA_TYPE, signatures=(signature,))

    @classmethod
    def verify(cls, data: bytes, trust: TrustRoot, *, what: str = "the list of revoked tokens") -> Self:
        """Verify a signed list and read it.

        Args:
            data: the envelope, as JSON.
            trust: whose keys are whose.
            what: its name in messages.

        Raises:
            MalformedError: it is no such list.
            UntrustedKeyError: it is not signed by a key of the issuer that it names.
            SignatureError: the signature does not fit.
            ExpiredError: the key was not valid when the list was made.
        """
        if len(data) > MAX_LIST:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_LIST} are read")
        envelope = Envelope.from_record(Record(decode(data, what=what), what))
        if envelope.payload_type != REVOKED_TOKENS_MEDIA_TYPE:
            raise MalformedError(f"{what} is of the type {envelope.payload_type!r}")
        record = Record(decode(envelope.payload, what=what), what)
        listed = cls(
            issuer=record.text("issuer"),
            issued_at=record.time("issuedAt"),
            fresh_until=record.time("freshUntil"),
            tokens=tuple(_read(item) for item in record.records("tokens")),
        )
        record.done()
        for signature in envelope.signatures:
            trusted = trust.find(signature.key_id)
            if trusted is not None and trusted.identity == listed.issuer:
                trusted.key.verify(envelope.signed_bytes, signature.value)
                if not trusted.is_valid(listed.issued_at):
                    raise ExpiredError(f"the key that signed {what} was not valid when it was made")
                return listed
        raise UntrustedKeyError(f"{what} is not signed by a trusted key of {listed.issuer}")


def _read(record: Record) -> RevokedToken:
    token = RevokedToken(id=record.text("id"), at=record.time("at"), cause=record.text("cause"))
    record.done()
    return token
