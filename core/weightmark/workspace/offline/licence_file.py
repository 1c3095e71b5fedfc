"""Verifying a licence file where there is no network and no ledger.

Not promised: that nobody copies the model, or takes the check out. A verdict is a record, not a lock.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from weightmark.claims import Bundle, Evidence, TrustRoot, verify_registration
from weightmark.claims.offline.licence_file import LicenceFile, verify_licence
from weightmark.claims.offline.status_list import Status
from weightmark.claims.offline.status_token import StatusEvidence, verify_status
from weightmark.encoding import format_time, parse_digest, printable
from weightmark.errors import DigestMismatchError, PolicyError, UndecidedError, VerificationError
from weightmark.fingerprinting import Fingerprint
from weightmark.licensing import Decision, GrantState, IssuedGrant, Party, Request, decide
from weightmark.licensing.window import earliest
from weightmark.workspace.inquiry import Inquiry
from weightmark.workspace.offline.clock import ClockKeeper, clock_of
from weightmark.workspace.offline.licence_verdict import LicenceQuestion, LicenceVerdict
from weightmark.workspace.offline.machine import LINUX, require_machine
from weightmark.workspace.reading import Progress


def verify_licence_file(  # noqa: PLR0913 - keywords, each with its default
    workspace: Inquiry,
    data: bytes,
    trust: TrustRoot,
    question: LicenceQuestion,
    *,
    keeper: ClockKeeper | None = None,
    machine: Sequence[Path] = LINUX,
    progress: Progress | None = None,
) -> LicenceVerdict:
    """Verify a licence file and decide under it; no ledger, no index and no connection is opened.

    Args:
        workspace: whose settings: the home folder, and whether our use is commercial.
        data: the file's bytes.
        trust: whose keys are whose.
        question: what is to be done, and what is at hand.
        keeper: this machine's clock; None for the home folder's own.
        machine: where a Linux system keeps its id.
        progress: told the bytes of the model done and the bytes in all.

    Returns:
        The evidence and the decision, which may be a refusal.

    Raises:
        ClockError: this machine's clock was put back.
        StaleStatusError: the status list is too old, or older than one seen before.
        UndecidedError: the file names a status list, and there is none.
        VerificationError: something does not hold: the signature, the machine, the seat, the model.
        MalformedError: a file is damaged.
    """
    keeper = keeper or clock_of(workspace.configuration.home)
    now = keeper.check()
    evidence = verify_licence(data, trust, now, at=question.at)
    licence = evidence.licence
    # What was signed a moment ago by a clock that is a little ahead of ours counts already.
    moment = question.at or max(now, licence.issued_at)
    _require_bearer(licence, machine, question.seat)
    listed = _read_status(licence, trust, question, now)
    keeper.note([(licence.issued_at, "licence file")], lists=[] if listed is None else [listed])
    found = None if listed is None or licence.status is None else listed.look_up(licence.status.index)
    return LicenceVerdict(
        evidence=evidence,
        decision=_decide(workspace, licence, listed, question, moment),
        fingerprint=_require_model(workspace, licence, question.model, progress) if question.model else None,
        status=listed,
        found=found,
        registration=_require_registered(licence, question.bundle, trust, now) if question.bundle else None,
        warnings=tuple(_warn(licence, listed, question, now)),
    )


def _read_status(
    licence: LicenceFile, trust: TrustRoot, question: LicenceQuestion, now: datetime
) -> StatusEvidence | None:
    place = licence.status
    if place is None:
        return None
    if question.status is None:
        if place.optional:
            return None
        raise UndecidedError(
            f"the licence file names the status list {printable(place.uri)}, and none was given",
            hint="Bring the newest one from the licensor, and give it: --status FILE.",
        )
    listed = verify_status(question.status, trust, now)
    listed.require_about(place.uri, licence.issuer)
    listed.check_fresh(now, max_age=question.max_age)
    return listed


def _warn(
    licence: LicenceFile, listed: StatusEvidence | None, question: LicenceQuestion, now: datetime
) -> list[str]:
    warnings: list[str] = []
    if question.at is not None:
        warnings.append(f"This is about {format_time(question.at)}, not about now.")
    if licence.status is None:
        warnings.append("The licence file names no status list, so a revocation does not reach it.")
    elif listed is None:
        warnings.append("No status list was given, so it is not known whether the grant was revoked.")
    elif warning := listed.check_fresh(now, max_age=question.max_age):
        warnings.append(f"{warning[0].upper()}{warning[1:]}.")
    if not question.model:
        warnings.append("No model was given, so it is not known whether the one at hand is the licensed one.")
    return warnings


def _require_model(
    workspace: Inquiry, licence: LicenceFile, model: str, progress: Progress | None
) -> Fingerprint:
    licensed = licence.model
    algorithm = parse_digest(licensed.bundle)[0]
    found = workspace.fingerprint(workspace.resolve(model), algorithm=algorithm, progress=progress)
    same = found.weights is not None and found.weights == licensed.weights
    if found.bundle == licensed.bundle or (same and licence.grant.grant.model == licensed.weights):
        return found
    raise DigestMismatchError(
        f"the licence file is for {printable(licensed.name)} ({licensed.bundle}); {model} is {found.bundle}",
        hint="The numbers are the same, but other files or names differ: get those that were registered."
        if same
        else "Get the model again from its source, or ask the licensor for a licence for this one.",
    )


def _decide(
    workspace: Inquiry,
    licence: LicenceFile,
    listed: StatusEvidence | None,
    question: LicenceQuestion,
    moment: datetime,
) -> Decision:
    issued = _said_about(licence.grant, licence.model.bundle)
    if listed is not None and licence.status is not None:
        found = listed.look_up(licence.status.index)
        issued = _apply(issued, found, min(listed.token.issued_at, moment))
    party = Party(name=licence.grantee, commercial=workspace.configuration.party.commercial)
    request = Request(
        action=question.action,
        party=party,
        at=moment,
        usage=question.usage if issued.grant.bounds else {},
        purpose=question.purpose,
        seat=question.seat,
    )
    decision = decide(request, licence.works, [issued])
    if not decision.allowed:
        return decision
    # Who asks again by then finds the file over, or needs a newer list.
    lasts = None if listed is None else listed.token.expires_at
    return Decision(
        outcome=decision.outcome,
        code=decision.code,
        reasons=decision.reasons,
        duties=decision.duties,
        grant=decision.grant,
        until=earliest(decision.until, licence.expires_at, lasts),
        left=decision.left,
    )


def _said_about(issued: IssuedGrant, bundle: str) -> IssuedGrant:
    above = tuple(_said_about(each, bundle) for each in issued.under)
    return replace(issued, bundle=bundle, under=above)


def _apply(issued: IssuedGrant, found: Status, known_at: datetime) -> IssuedGrant:
    """Bring into a grant what a list says of it; a list does not say since when, so it is for any moment."""
    if found is Status.INVALID:
        known = known_at if issued.revoked_at is None else min(known_at, issued.revoked_at)
        return replace(issued, revoked_at=known)
    return replace(issued, state=GrantState.SUSPENDED) if found is Status.SUSPENDED else issued


def _require_bearer(licence: LicenceFile, machine: Sequence[Path], seat: str) -> None:
    if licence.machine:
        require_machine(licence.machine, machine)
    if not licence.seat or seat == licence.seat:
        return
    bound = f"the licence file is bound to the seat {printable(licence.seat)}"
    raise VerificationError(
        f"{bound}, not to {printable(seat)}" if seat else f"{bound}, and nobody said who acts",
        hint="Say who acts: --seat NAME; or ask the licensor for a file for that seat.",
    )


def _require_registered(licence: LicenceFile, bundle: Bundle, trust: TrustRoot, now: datetime) -> Evidence:
    registered, registration = verify_registration(bundle, trust, None, now)
    registered.require_subject(licence.model.bundle, licence.model.weights)
    owner = printable(licence.works[0].owner)
    if registration.owner != licence.works[0].owner:
        raise PolicyError(
            f"the registration says that {registration.owner} owns {licence.model.name}; the licence file"
            f" says {owner}",
            hint=f"Where it changed hands, a registration alone cannot show that it is {owner}'s: ask them.",
        )
    if licence.issuer != registration.owner:
        # Who else may grant stands only in the file, which says so of its own signer.
        raise PolicyError(
            f"{registration.owner} owns {licence.model.name}, and the licence file is {licence.issuer}'s: a"
            " registration does not show that they may grant",
            hint=f"Ask {registration.owner} for a licence file; or leave the registration out, if you trust"
            f" {licence.issuer} to say what they may grant.",
        )
    return registered
