"""What is asked under a licence file, and what was found.

Not here: finding it; see ``licence_file``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from weightmark.claims import Bundle, Evidence
from weightmark.claims.offline.licence_file import LicenceEvidence, LicenceFile
from weightmark.claims.offline.status_list import Status
from weightmark.claims.offline.status_token import StatusEvidence
from weightmark.encoding import Json, format_time
from weightmark.fingerprinting import Fingerprint
from weightmark.licensing import Action, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceQuestion:
    """What is to be done under a licence file.

    Args:
        action: what is to be done.
        at: when, with a zone; None for now.
        purpose: what it is for; empty when nobody said.
        seat: who acts, as the seats of grants name it; empty when nobody said.
        usage: units used so far by entitlement name; None when use could not be counted, so that the grant's
            own fail mode speaks.
        max_age: the oldest status list that is taken; None to take what the list itself allows.
        model: the path of the model at hand, whose files are all read; empty to leave it out.
        status: the status list's bytes; None when none is at hand.
        bundle: the model's registration, which shows that the licensor owns it; None to leave it out.
    """

    action: Action = Action.DEPLOY
    at: datetime | None = None
    purpose: str = ""
    seat: str = ""
    usage: Mapping[str, int] | None = None
    max_age: timedelta | None = None
    model: str = ""
    status: bytes | None = None
    bundle: Bundle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceVerdict:
    """What was found to hold, and what may be done.

    Attributes:
        evidence: the licence file, verified.
        decision: what the works' licences and the grant say.
        fingerprint: of the model at hand; None when none was given.
        status: the status list, verified; None when none was looked at.
        found: the grant's status in it; None when none was looked at.
        registration: the model's registration, verified; None when none was given.
        warnings: what a person should know, as sentences.
    """

    evidence: LicenceEvidence
    decision: Decision
    fingerprint: Fingerprint | None = None
    status: StatusEvidence | None = None
    found: Status | None = None
    registration: Evidence | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Give the verdict in the words of the command line's ``--json``."""
        licence = self.evidence.licence
        status: dict[str, Json] | None = None
        if self.status is not None and self.found is not None:
            token = self.status.token
            status = {
                "uri": token.uri,
                "status": self.found.name.lower(),
                "issued_at": format_time(token.issued_at),
                "expires_at": None if token.expires_at is None else format_time(token.expires_at),
            }
        model: dict[str, Json] = {
            "name": licence.model.name,
            "bundle": licence.model.bundle,
            "weights": licence.model.weights,
            "intact": None if self.fingerprint is None else True,
            "registered": None if self.registration is None else True,
        }
        return {
            **self.decision.to_json(),
            "licence": describe_licence(licence) | {"key": self.evidence.signer.key.key_id},
            "model": model,
            "status": status,
            "warnings": list(self.warnings),
        }


def describe_licence(licence: LicenceFile) -> dict[str, Json]:
    """Say what a licence file is, without its grant and its works."""
    return {
        "id": licence.id,
        "issuer": licence.issuer,
        "grantee": licence.grantee,
        "grant": licence.grant.id,
        "issued_at": format_time(licence.issued_at),
        "not_before": format_time(licence.not_before),
        "expires_at": None if licence.expires_at is None else format_time(licence.expires_at),
        "status_uri": None if licence.status is None else licence.status.uri,
        "status_index": None if licence.status is None else licence.status.index,
        "machine": licence.machine or None,
        "seat": licence.seat or None,
    }
