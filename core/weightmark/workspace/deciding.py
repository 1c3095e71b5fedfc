"""From an event, its gate and the index to a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from weightmark.errors import Failure
from weightmark.index import RegisteredModel
from weightmark.licensing import (
    Action,
    Decision,
    IssuedGrant,
    Outcome,
    Reason,
    ReasonCode,
    Request,
    Work,
    decide,
)
from weightmark.licensing.organisation.barring import against
from weightmark.model.event import ModelEvent
from weightmark.workspace.gate import Gate, Requirement
from weightmark.workspace.gate_mode import pass_undecided
from weightmark.workspace.metering.counting import count_grants, usage_of
from weightmark.workspace.resource import Resources
from weightmark.workspace.verification import name_failure

READING = frozenset({Requirement.INTACT, Requirement.UNCHANGED})
"""Requirements that only the files themselves can answer."""
_OF_ANY_MODEL = frozenset({Requirement.LICENSED, Requirement.UNCHANGED, Requirement.POLICY})
"""Requirements that a model may meet that nobody registered."""


def grants_for(resources: Resources, works: Sequence[Work], *, party: str = "") -> list[IssuedGrant]:
    """Give the grants that a party has for works, with what was used under them; empty for our own party."""
    subjects = [digest for work in works for digest in (work.subject, work.weights) if digest is not None]
    grants = resources.index.grants(subjects, party or resources.configuration.party.name)
    return count_grants(resources, grants)


def ask_licence(  # noqa: PLR0913 - keywords, each with its default
    resources: Resources,
    works: Sequence[Work],
    action: Action,
    at: datetime,
    *,
    party: str = "",
    purpose: str = "",
    seat: str = "",
    amount: Mapping[str, int] | None = None,
    commercial: bool | None = None,
    grants: Sequence[IssuedGrant] | None = None,
) -> Decision:
    """Ask whether the licences and grants allow an action, and whether the organisation's policy bars it.

    Args:
        resources: the index and our party.
        works: the model and everything it stands on.
        action: what is to be done.
        at: when.
        party: who wants to; empty for our own party.
        purpose: what it is for, as grants and use restrictions name it; empty when nobody said.
        seat: the person or the machine that acts; empty when none is named.
        amount: units that the action takes, by entitlement name; one of each that is not named.
        commercial: whether they act commercially; None for what the settings say of us, and yes of others.
        grants: from ``grants_for``, when the caller has them already.

    Returns:
        The decision; it never fails for reasons of the licence or the policy.

    Raises:
        ValueError: an amount is negative.
    """
    own = resources.configuration.party
    asker = own if party in ("", own.name) else replace(own, name=party, commercial=True)
    if commercial is not None:
        asker = replace(asker, commercial=commercial)
    if grants is None:
        grants = grants_for(resources, works, party=asker.name)
    usage = usage_of(resources, works, grants)
    request = Request(
        action=action, party=asker, at=at, purpose=purpose, usage=usage, seat=seat, amount=amount or {}
    )
    decision = decide(request, works, grants)
    if resources.configuration.policy is None:
        return decision
    from weightmark.licensing.organisation.case import PolicyQuestion

    question = PolicyQuestion(request=request, works=works, decision=decision, grants=grants, own=own.name)
    return resources.policing.apply(question)


def pass_gate(
    gate: Gate,
    event: ModelEvent,
    model: RegisteredModel | None,
    licence: Decision,
    failures: Sequence[Failure],
) -> Decision:
    """Decide whether an event passes its gate.

    Args:
        gate: what is required.
        event: what is about to happen.
        model: the registered model; None when it is not registered.
        licence: what the licences say.
        failures: where its files differ from the registered ones.

    Returns:
        A refusal for the first requirement that does not hold; else what the licences say, or the
        permission when the gate does not ask them. What the organisation's policy bars, no gate lets pass.
    """
    requires = gate.requires
    if model is None and requires - _OF_ANY_MODEL:
        return _refuse(ReasonCode.NOT_REGISTERED, event, f"{event.uri} is not registered", _REGISTER)
    if failures and requires & READING:
        named = "; ".join(name_failure(failure) for failure in failures[:3])
        return _refuse(
            ReasonCode.NOT_INTACT, event, f"{event.uri} is not what was registered: {named}", _RESTORE
        )
    if model is not None and model.license is None and Requirement.ATTRIBUTED in requires:
        return _refuse(ReasonCode.NO_LICENCE, event, f"{model.name} states no licence", _LICENSE)
    if Requirement.LICENSED not in requires:
        return licence if licence.allowed else against(licence) or _waved(licence)
    if licence.outcome is Outcome.UNDECIDED:
        return against(licence) or pass_undecided(gate, event.kind, licence)
    return licence


def _refuse(code: ReasonCode, event: ModelEvent, message: str, hint: str) -> Decision:
    reason = Reason(code=code, message=f"{message}.", clause="", work=event.uri, hint=hint)
    return Decision(outcome=Outcome.REFUSED, code=code, reasons=(reason,), duties=(), grant=None, until=None)


def _waved(licence: Decision) -> Decision:
    """Let pass, and keep every reason that the licence gave."""
    return Decision(
        outcome=Outcome.ALLOWED,
        code=ReasonCode.NOT_ASKED,
        reasons=licence.reasons,
        duties=licence.duties,
        grant=licence.grant,
        until=licence.until,
    )


_REGISTER = "Register it: `weightmark register URI --license LICENCE`."
_RESTORE = "Put the registered files back, or register the changed ones as a new version."
_LICENSE = "State one: `weightmark license set MODEL LICENCE`."
