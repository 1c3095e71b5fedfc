"""Status lists as their issuer signs them: one token that fits on a stick, with a life of its own.

Not promised: that a list is the newest there is. It says when it was made and until when it may be used.

Source: draft-ietf-oauth-status-list-18 (Token Status List), sections 5 and 8.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey
from weightmark.claims.offline.jws import check_issued, open_token, read_seconds, sign_token
from weightmark.claims.offline.status_list import Status, StatusList
from weightmark.claims.subject import check_text
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.encoding import Json, Record, format_time, printable
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    PolicyError,
    StaleStatusError,
    VerificationError,
)

KIND: Final = "statuslist+jwt"

MAX_SIZE: Final = 8 << 20
"""Bytes of a signed list; a longer one is not read."""

_WHAT = "the status list"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusToken:
    """A status list as its issuer signs it.

    Args:
        issuer: who says so; empty when the token does not say.
        uri: the list's name, 1 to 1024 printable characters.
        issued_at: when it was made, with a zone; kept to the second.
        expires_at: the first moment at which it may no longer be used; None when it does not say.
        ttl: after how long a newer one should be there; None when it does not say.
        statuses: the list.

    Raises:
        MalformedError: a text does not print, or the times make no sense.
    """

    issuer: str
    uri: str
    issued_at: datetime
    expires_at: datetime | None
    ttl: timedelta | None
    statuses: StatusList

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.issuer, f"the issuer of {_WHAT}", most=256)
        check_text(self.uri, f"the name of {_WHAT}", least=1)
        if self.expires_at is not None and self.expires_at <= self.issued_at:
            raise MalformedError(f"{_WHAT} ends before it was made")
        if self.ttl is not None and self.ttl <= timedelta():
            raise MalformedError(f"{_WHAT} lives for {self.ttl}, which is no time")

    def to_json(self) -> dict[str, Json]:
        """Give the token's claims.

        Raises:
            ValueError: a time has no zone.
        """
        members: dict[str, Json] = {
            "exp": None if self.expires_at is None else math.floor(self.expires_at.timestamp()),
            "iss": self.issuer or None,
            "ttl": None if self.ttl is None else math.floor(self.ttl.total_seconds()),
        }
        return {
            "iat": math.floor(self.issued_at.timestamp()),
            "status_list": self.statuses.to_json(),
            "sub": self.uri,
            **{key: member for key, member in members.items() if member is not None},
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the token's claims; those that are not known here are passed over.

        Raises:
            MalformedError: a claim is missing, of another type or makes no sense.
        """
        ttl = record.integer("ttl", least=1) if record.has("ttl") else None
        try:
            lives = None if ttl is None else timedelta(seconds=ttl)
        except OverflowError as error:
            raise MalformedError(f"'ttl' in {record.what} is {ttl} seconds, which is no time") from error
        return cls(
            issuer=record.text("iss", ""),
            uri=record.text("sub"),
            issued_at=read_seconds(record, "iat"),
            expires_at=read_seconds(record, "exp") if record.has("exp") else None,
            ttl=lives,
            statuses=StatusList.from_record(record.record("status_list")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvidence:
    """A status list that was verified.

    Attributes:
        token: what it says.
        signer: whose key signed it.
    """

    token: StatusToken
    signer: TrustedKey

    def require_about(self, uri: str, issuer: str) -> None:
        """Check that it is the list that a licence names, by the licence's own licensor.

        Raises:
            VerificationError: it is another list.
            PolicyError: it is somebody else's.
        """
        if self.token.uri != uri:
            raise VerificationError(
                f"the status list is {printable(self.token.uri)}; the licence file names {printable(uri)}",
                hint=f"Ask the licensor for the list {printable(uri)}.",
            )
        if self.signer.identity != issuer:
            raise PolicyError(
                f"the status list is signed by {self.signer.identity}, not by {printable(issuer)}",
                hint=f"Ask {printable(issuer)} for the list they signed.",
            )

    def check_fresh(self, at: datetime, *, max_age: timedelta | None = None) -> str:
        """Check that it may still be used.

        Args:
            at: the present time, with a zone.
            max_age: the oldest that is taken; None to take what the list itself allows.

        Returns:
            A warning, when a newer list should be there by now; else nothing.

        Raises:
            StaleStatusError: it has run out, is older than ``max_age``, or does not say how long it holds.
        """
        token, made = self.token, f"the status list of {format_time(self.token.issued_at)}"
        if token.expires_at is not None and at >= token.expires_at:
            raise StaleStatusError(
                f"{made} ran out at {format_time(token.expires_at)}; now it is {format_time(at)}"
            )
        if max_age is not None and at - token.issued_at > max_age:
            raise StaleStatusError(f"{made} is {at - token.issued_at} old; at most {max_age} is taken")
        if token.expires_at is None and max_age is None:
            raise StaleStatusError(
                f"{made} does not say how long it holds",
                hint="Say how old it may be: --max-age 7d.",
            )
        if token.ttl is not None and at - token.issued_at > token.ttl:
            return f"{made} is {at - token.issued_at} old; a newer one should be there after {token.ttl}"
        return ""

    def look_up(self, index: int) -> Status:
        """Give the status at a place.

        Raises:
            StaleStatusError: the list was made before there was such a grant.
            VerificationError: the status is none that has a meaning here.
        """
        try:
            found = self.token.statuses[index]
        except IndexError as error:
            raise StaleStatusError(
                f"the status list of {format_time(self.token.issued_at)} has"
                f" {len(self.token.statuses)} places, and none for {index}: the grant is newer than the list"
            ) from error
        try:
            return Status(found)
        except ValueError as error:
            raise VerificationError(
                f"the status list says {found} at {index}, which means nothing here",
                hint="If it was made by a newer Weightmark, update this one: pip install -U weightmark",
            ) from error


def sign_status(token: StatusToken, *, key: PublicKey, sign: Callable[[bytes], Signature]) -> bytes:
    """Sign a status list.

    Args:
        token: what it says.
        key: the issuer's public key, Ed25519.
        sign: makes the signature; holds the private key.

    Returns:
        The token: one line of ASCII.

    Raises:
        MalformedError: the key is of another scheme.
        WeightmarkError: the signer could not sign.
    """
    return sign_token(token.to_json(), kind=KIND, key=key, sign=sign) + b"\n"


def verify_status(data: bytes, trust: TrustRoot, now: datetime) -> StatusEvidence:
    """Verify a status list: who signed it, and that they could then.

    Pure: no clock, no file, no network.

    Args:
        data: the token's bytes.
        trust: whose keys are whose.
        now: the present time, with a zone.

    Returns:
        The evidence; whether it is the right list and fresh is still to be asked.

    Raises:
        MalformedError: it is no status list, or unpacks to too much.
        UntrustedKeyError: its key is not in the trust root.
        SignatureError: it is signed by another algorithm, or the signature does not fit.
        PolicyError: it names another issuer than the one who signed it.
        ExpiredError: the key did not count when it signed.
        ClockError: it was signed after the present time.
        VerificationError: anything else that went wrong: verifying fails closed.
    """
    try:
        opened = open_token(data, trust, kind=KIND, most=MAX_SIZE, what=_WHAT)
        token = StatusToken.from_record(opened.payload)
        _check_signer(token, opened.signer)
        check_issued(token.issued_at, now, _WHAT)
    except (MalformedError, VerificationError):
        raise
    except Exception as error:
        raise VerificationError(f"{_WHAT} could not be verified: {type(error).__name__}: {error}") from error
    return StatusEvidence(token=token, signer=opened.signer)


def _check_signer(token: StatusToken, signer: TrustedKey) -> None:
    if token.issuer and token.issuer != signer.identity:
        raise PolicyError(
            f"the status list is {printable(token.issuer)}'s, but signed with a key of {signer.identity}",
            hint=f"Ask {printable(token.issuer)} for a list they signed.",
        )
    if not signer.is_valid(token.issued_at):
        raise ExpiredError(
            f"the key {signer.key.key_id} of {signer.identity} did not count when the status list was signed,"
            f" at {format_time(token.issued_at)}",
            hint="Ask the licensor for a list that is signed with a valid key.",
        )
