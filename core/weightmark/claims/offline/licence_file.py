"""Licence files: one grant, signed by its licensor, that a machine without a network can verify.

Not promised: that the licensor owns the model. The trust root says whose keys are whose; a registration's
bundle shows who owns what. Nor that the grant still holds: that is for its status list to say.

Source: RFC 7515 and RFC 7519; draft-ietf-oauth-status-list section 6 for ``status``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey
from weightmark.claims.offline.issued import issued_to_json, read_issued, read_work, work_to_json
from weightmark.claims.offline.jws import check_issued, open_token, peek, read_seconds, sign_token
from weightmark.claims.subject import Subject, check_text
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.encoding import Json, Record, format_time, printable
from weightmark.errors import ExpiredError, MalformedError, PolicyError, VerificationError
from weightmark.licensing.grant import IssuedGrant
from weightmark.licensing.work import Relation, Work

KIND: Final = "weightmark-licence+jwt"

MAX_SIZE: Final = 64 << 10
"""Bytes of a licence file; a longer one is neither written nor read."""

MAX_WORKS = 1_001
_WHAT = "the licence file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReference:
    """Where a grant stands in which status list.

    Args:
        uri: the list's name, 1 to 1024 printable characters; it need not lead anywhere.
        index: the place in it, counted from 0.
        optional: whether the licence counts without a list.

    Raises:
        MalformedError: the name does not print, or the index is negative.
    """

    uri: str
    index: int
    optional: bool = False

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text(self.uri, "the status list's name", least=1)
        if self.index < 0:
            raise MalformedError(f"the place in the status list is {self.index}; it is counted from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFile:
    """What a licence file says.

    Args:
        id: unique to this file, 1 to 128 printable characters.
        issuer: the licensor who signs it.
        grantee: who may.
        issued_at: when it was made, with a zone; kept to the second.
        not_before: the first moment it counts.
        expires_at: the first moment it no longer counts, at the latest the end of the grant's grace; None
            when it has none. The grant's own window stands in the grant.
        grant: the grant, in the edition of the moment.
        model: the model it is for.
        works: that model and all that it stands on.
        status: where to see whether the grant still holds; None when nobody says.
        machine: the only machine on which it counts; empty for any.
        seat: the only seat for which it counts; empty for any.

    Raises:
        MalformedError: a text does not print, or the parts contradict each other.
    """

    id: str
    issuer: str
    grantee: str
    issued_at: datetime
    not_before: datetime
    expires_at: datetime | None
    grant: IssuedGrant
    model: Subject
    works: tuple[Work, ...]
    status: StatusReference | None = None
    machine: str = ""
    seat: str = ""

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        check_text(self.id, "the licence file's id", least=1, most=128)
        for text, name in ((self.issuer, "the licensor"), (self.grantee, "the grantee")):
            check_text(text, f"{name} of the licence file", least=1, most=256)
        check_text(self.machine, "the machine of the licence file", most=256)
        check_text(self.seat, "the seat of the licence file", most=256)
        if not self.works or len(self.works) > MAX_WORKS:
            raise MalformedError(f"the licence file has {len(self.works)} works, not 1 to {MAX_WORKS}")
        if self.expires_at is not None and self.expires_at <= self.not_before:
            raise MalformedError("the licence file ends before it begins")
        self._check_grant()

    def _check_grant(self) -> None:
        grant, first = self.grant.grant, self.works[0]
        if self.grantee != grant.grantee:
            raise MalformedError(
                f"the licence file is for {self.grantee}, but its grant is for {grant.grantee}"
            )
        if grant.model not in (self.model.bundle, self.model.weights):
            raise MalformedError(f"the grant is for {grant.model}, which is not the licence file's model")
        if first.relation is not Relation.SELF or (first.subject, first.weights) != (
            self.model.bundle,
            self.model.weights,
        ):
            raise MalformedError("the first work of the licence file is not its model")

    def to_json(self) -> dict[str, Json]:
        """Give the token's claims; what is empty is left out.

        Raises:
            ValueError: a time has no zone.
        """
        members: dict[str, Json] = {
            "exp": None if self.expires_at is None else math.ceil(self.expires_at.timestamp()),
            "machine": self.machine or None,
            "seat": self.seat or None,
        }
        if self.status is not None:
            place: dict[str, Json] = {"idx": self.status.index, "uri": self.status.uri}
            members["status"] = {"status_list": place}
            members["status_optional"] = self.status.optional or None
        model: dict[str, Json] = {"name": self.model.name, "bundle": self.model.bundle}
        if self.model.weights is not None:
            model["weights"] = self.model.weights
        return {
            "iss": self.issuer,
            "sub": self.grantee,
            "jti": self.id,
            "iat": math.floor(self.issued_at.timestamp()),
            "nbf": math.floor(self.not_before.timestamp()),
            "grant": issued_to_json(self.grant),
            "model": model,
            "works": [work_to_json(work) for work in self.works],
            **{key: member for key, member in members.items() if member is not None},
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the token's claims, strictly: what is not known here may be a restriction.

        Raises:
            MalformedError: a claim is missing, unknown, of another type or makes no sense.
        """
        model = record.record("model")
        licence = cls(
            id=record.text("jti"),
            issuer=record.text("iss"),
            grantee=record.text("sub"),
            issued_at=read_seconds(record, "iat"),
            not_before=read_seconds(record, "nbf"),
            expires_at=read_seconds(record, "exp") if record.has("exp") else None,
            grant=read_issued(record.record("grant")),
            model=Subject(
                name=model.text("name"),
                bundle=model.digest("bundle"),
                weights=model.optional_digest("weights"),
            ),
            works=tuple(read_work(work) for work in record.records("works")),
            status=_read_status(record),
            machine=record.text("machine", ""),
            seat=record.text("seat", ""),
        )
        model.done()
        record.done()
        return licence


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceEvidence:
    """A licence file that was verified.

    Attributes:
        licence: what it says.
        signer: whose key signed it.
    """

    licence: LicenceFile
    signer: TrustedKey


def sign_licence(licence: LicenceFile, *, key: PublicKey, sign: Callable[[bytes], Signature]) -> bytes:
    """Sign a licence file.

    Args:
        licence: what it says.
        key: the licensor's public key, Ed25519.
        sign: makes the signature; holds the private key.

    Returns:
        The file: one line of ASCII.

    Raises:
        MalformedError: it is longer than ``MAX_SIZE``, or the key is of another scheme.
        WeightmarkError: the signer could not sign.
    """
    data = sign_token(licence.to_json(), kind=KIND, key=key, sign=sign) + b"\n"
    if len(data) > MAX_SIZE:
        raise MalformedError(
            f"the licence file would have {len(data)} bytes, of which at most {MAX_SIZE} are read:"
            f" the model stands on {len(licence.works)} works",
            hint="Register the works it stands on under licences that are known by name, not by own terms.",
        )
    return data


def verify_licence(
    data: bytes, trust: TrustRoot, now: datetime, *, at: datetime | None = None
) -> LicenceEvidence:
    """Verify a licence file: who signed it, that they may, and that it counts at a moment.

    Pure: no clock, no file, no network.

    Args:
        data: the file's bytes.
        trust: whose keys are whose.
        now: the present time, with a zone, against which the time of signing is held.
        at: the moment that is asked about, with a zone; None for now, or for the time of signing when this
            machine's clock is a little behind it.

    Returns:
        The evidence.

    Raises:
        MalformedError: it is no licence file, or has something that is not known here.
        UntrustedKeyError: its key is not in the trust root.
        SignatureError: it is signed by another algorithm, or the signature does not fit.
        PolicyError: who signed it is not its licensor, or may not grant for the model.
        ExpiredError: the key did not count when it signed, or the file does not count at the moment.
        ClockError: it was signed after the present time.
        VerificationError: anything else that went wrong: verifying fails closed.
    """
    try:
        opened = open_token(data, trust, kind=KIND, most=MAX_SIZE, what=_WHAT)
        licence = LicenceFile.from_record(opened.payload)
        _check_signer(licence, opened.signer)
        check_issued(licence.issued_at, now, _WHAT)
        _check_time(licence, at or max(now, licence.issued_at))
    except (MalformedError, VerificationError):
        raise
    except Exception as error:
        raise VerificationError(f"{_WHAT} could not be verified: {type(error).__name__}: {error}") from error
    return LicenceEvidence(licence=licence, signer=opened.signer)


def claimed_issuer(data: bytes) -> str:
    """Read who a licence file says its licensor is, without verifying anything.

    Raises:
        MalformedError: it is no licence file.
    """
    return Record(peek(data, most=MAX_SIZE, what=_WHAT), _WHAT).text("iss")


def _read_status(record: Record) -> StatusReference | None:
    optional = record.boolean("status_optional", default=False)
    if not record.has("status"):
        return None
    status = record.record("status")
    place = status.record("status_list")
    reference = StatusReference(uri=place.text("uri"), index=place.integer("idx"), optional=optional)
    place.done()
    status.done()
    return reference


def _check_signer(licence: LicenceFile, signer: TrustedKey) -> None:
    if signer.identity != licence.issuer:
        raise PolicyError(
            f"the licence file is {printable(licence.issuer)}'s, but signed with a key of {signer.identity}",
            hint=f"Ask {printable(licence.issuer)} for one they signed; the trust root says whose key it is.",
        )
    if not signer.is_valid(licence.issued_at):
        raise ExpiredError(
            f"the key {signer.key.key_id} of {signer.identity} did not count when the licence file was"
            f" signed, at {format_time(licence.issued_at)}",
            hint="Ask the licensor for a file that is signed with a valid key.",
        )
    licensor, first = licence.grant.grant.licensor, licence.works[0]
    if licence.issuer not in (licensor, first.owner):
        raise PolicyError(
            f"the grant is {printable(licensor)}'s, but the licence file is {licence.issuer}'s",
            hint="Only a grant's licensor, or the model's owner, issues a licence file for it.",
        )
    if licensor != first.owner and licensor not in first.licensors:
        raise PolicyError(
            f"{licensor} grants the use of {printable(first.name)}, which is {printable(first.owner)}'s",
            hint=f"Ask {printable(first.owner)} for a licence.",
        )


def _check_time(licence: LicenceFile, at: datetime) -> None:
    if at < licence.not_before:
        raise ExpiredError(
            f"the licence file counts only from {format_time(licence.not_before)}, not at {format_time(at)}",
            hint="Wait, or ask the licensor for an earlier start.",
        )
    if licence.expires_at is not None and at >= licence.expires_at:
        raise ExpiredError(
            f"the licence file ended at {format_time(licence.expires_at)}; asked for {format_time(at)}",
            hint=f"Ask {licence.issuer} for a renewal, and for a new file.",
        )
