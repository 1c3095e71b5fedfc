"""What a gate makes of a licence that gives no answer, and how it says so."""

from weightmark.licensing import Action, Decision, Duty, Outcome, Reason, ReasonCode
from weightmark.vocabulary import EventKind
from weightmark.workspace.gate import Gate, WhenUndecided


def pass_undecided(gate: Gate, kind: EventKind, licence: Decision) -> Decision:
    """Apply a gate's fail mode to a decision that is undecided.

    Args:
        gate: which gate.
        kind: what is about to happen.
        licence: what the licences say.

    Returns:
        Allowed or still undecided, with the licence's reasons first and the gate's fail mode last.

    Raises:
        Nothing.
    """
    passes = gate.passes_undecided(Action(kind.value))
    code = ReasonCode.NOT_ASKED if passes else licence.code
    told = Reason(code=code, message=describe_mode(gate, kind), clause=f"gates.{kind.value}.undecided")
    return Decision(
        outcome=Outcome.ALLOWED if passes else licence.outcome,
        code=code,
        reasons=(*licence.reasons, told),
        duties=(*licence.duties, *_owed(gate, kind)) if passes else licence.duties,
        grant=licence.grant,
        until=licence.until,
        left=licence.left,
    )


def describe_mode(gate: Gate, kind: EventKind) -> str:
    """Say in a sentence what a gate does when the licence gives no answer.

    Raises:
        Nothing.
    """
    subject = f"The gate of {kind.value}"
    if gate.undecided is WhenUndecided.DEGRADE:
        held = gate.passes_undecided(Action(kind.value))
        tier = f"the tier {gate.degrade_to.value} {'holds it' if held else 'does not hold it'}"
        return f"{subject} {'lets pass' if held else 'refuses'} what cannot be known: {tier} (degrade)."
    verb = "refuses" if gate.undecided is WhenUndecided.REFUSE else "lets pass"
    return f"{subject} {verb} what cannot be known ({gate.undecided.value})."


def _owed(gate: Gate, kind: EventKind) -> tuple[Duty, ...]:
    clause = f"gates.{kind.value}.undecided"
    if gate.undecided is WhenUndecided.OPEN_AND_LOG:
        sentence = "Record this and settle it: it could not be known whether the licence allows it."
        return (Duty(id="log-use", sentence=sentence, clause=clause),)
    if gate.undecided is WhenUndecided.DEGRADE:
        sentence = f"Use no more of it than the tier {gate.degrade_to.value} holds, until more is known."
        return (Duty(id="keep-to-tier", sentence=sentence, clause=clause),)
    return ()
