"""From an event, its gate and the index to a decision."""

from collections.abc import Sequence
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
from weightmark.model.event import ModelEvent
from weightmark.workspace.gate import Gate, Requirement, WhenUndecided
from weightmark.workspace.resource import Resources
from weightmark.workspace.verification import name_failure

READING = frozenset({Requirement.INTACT, Requirement.UNCHANGED})
"""Requirements that only the files themselves can answer."""


def grants_for(resources: Resources, works: Sequence[Work], *, party: str = "") -> list[IssuedGrant]:
    """Give the grants that a party has for works; empty for our own party."""
    subjects = [digest for work in works for digest in (work.subject, work.weights) if digest is not None]
    return resources.index.grants(subjects, party or resources.configuration.party.name)


def ask_licence(  # noqa: PLR0913 - keywords, each with its default
    resources: Resources,
    works: Sequence[Work],
    action: Action,
    at: datetime,
    *,
    party: str = "",
    grants: Sequence[IssuedGrant] | None = None,
) -> Decision:
    """Ask whether the licences and grants allow an action.

    Args:
        resources: the index and our party.
        works: the model and everything it stands on.
        action: what is to be done.
        at: when.
        party: who wants to; empty for our own party.
        grants: from ``grants_for``, when the caller has them already.

    Returns:
        The decision; it never fails for reasons of the licence.
    """
    own = resources.configuration.party
    asker = own if party in ("", own.name) else type(own)(name=party, commercial=True)
    if grants is None:
        grants = grants_for(resources, works, party=asker.name)
    return decide(Request(action=action, party=asker, at=at), works, grants)


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
        permission when the gate does not ask them.
    """
    requires = gate.requires
    if model is None and requires - {Requirement.LICENSED, Requirement.UNCHANGED}:
        return _refuse(ReasonCode.NOT_REGISTERED, event, f"{event.uri} is not registered", _REGISTER)
    if failures and requires & READING:
        named = "; ".join(name_failure(failure) for failure in failures[:3])
        return _refuse(
            ReasonCode.NOT_INTACT, event, f"{event.uri} is not what was registered: {named}", _RESTORE
        )
    if model is not None and model.license is None and Requirement.ATTRIBUTED in requires:
        return _refuse(ReasonCode.NO_LICENCE, event, f"{model.name} states no licence", _LICENSE)
    if Requirement.LICENSED not in requires:
        return licence if licence.allowed else _waved(licence)
    if licence.outcome is Outcome.UNDECIDED and gate.undecided is WhenUndecided.ALLOW:
        return _waved(licence)
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
