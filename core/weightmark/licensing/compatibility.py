"""Compatibility: the answer to whether works may come together for a use, with every reason.

Not promised: legal advice. What the texts leave open is said to be open.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weightmark.encoding import Json
from weightmark.licensing.duty import Duty
from weightmark.licensing.ingredient import Joining
from weightmark.licensing.use import Use


class Answer(StrEnum):
    """What may be done."""

    ALLOWED = "allowed"
    DUTIES = "duties"
    """Allowed, and the duties are owed."""
    UNKNOWN = "unknown"
    REFUSED = "refused"


class CompatibilityCode(StrEnum):
    """Why; the names are stable."""

    PERMITTED = "permitted"
    CHOSEN = "chosen"
    CONDITION = "condition"
    OWN_WORK = "own-work"
    OWN_TERMS = "own-terms"
    NOT_ONWARD = "not-onward"
    CODE_BESIDE = "code-beside"
    RESULT_FREE = "result-free"
    OUTPUTS_FREE = "outputs-free"
    ADAPTATION_PRIVATE = "adaptation-private"
    ADAPTATION_UNSETTLED = "adaptation-unsettled"
    NOT_PERMITTED = "not-permitted"
    NO_DERIVATIVES = "no-derivatives"
    NON_COMMERCIAL = "non-commercial"
    USE_RESTRICTED = "use-restricted"
    OUTSIDE_PURPOSE = "outside-purpose"
    NO_HOSTING = "no-hosting"
    SHARE_ALIKE = "share-alike"
    FURTHER_RESTRICTIONS = "further-restrictions"
    NON_COMMERCIAL_ONWARD = "non-commercial-onward"
    UNKNOWN_LICENCE = "unknown-licence"
    NO_LICENCE = "no-licence"
    COMMERCIAL_UNSAID = "commercial-unsaid"
    PURPOSE_UNSAID = "purpose-unsaid"
    DATA_UNSETTLED = "data-unsettled"
    EXCEPTION_NOT_WEIGHED = "exception-not-weighed"
    TOO_MANY_CHOICES = "too-many-choices"


_REFUSES: Final = frozenset(
    {
        CompatibilityCode.NOT_PERMITTED,
        CompatibilityCode.NO_DERIVATIVES,
        CompatibilityCode.NON_COMMERCIAL,
        CompatibilityCode.USE_RESTRICTED,
        CompatibilityCode.OUTSIDE_PURPOSE,
        CompatibilityCode.NO_HOSTING,
        CompatibilityCode.SHARE_ALIKE,
        CompatibilityCode.FURTHER_RESTRICTIONS,
        CompatibilityCode.NON_COMMERCIAL_ONWARD,
    }
)
_LEAVES_OPEN: Final = frozenset(
    {
        CompatibilityCode.UNKNOWN_LICENCE,
        CompatibilityCode.NO_LICENCE,
        CompatibilityCode.COMMERCIAL_UNSAID,
        CompatibilityCode.PURPOSE_UNSAID,
        CompatibilityCode.DATA_UNSETTLED,
        CompatibilityCode.EXCEPTION_NOT_WEIGHED,
        CompatibilityCode.TOO_MANY_CHOICES,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatibilityReason:
    """One reason.

    Args:
        code: its stable name.
        message: one sentence for people.
        clauses: where it is written; more than one when clauses collide.
        licence: the licence, or the licences, that it is about.
        work: the work that it is about; empty when it is about several.
        hint: the way out; empty when there is none to name.
    """

    code: CompatibilityCode
    message: str
    clauses: tuple[str, ...] = ()
    licence: str = ""
    work: str = ""
    hint: str = ""

    @property
    def answer(self) -> Answer:
        """What follows from it alone."""
        if self.code in _REFUSES:
            return Answer.REFUSED
        return Answer.UNKNOWN if self.code in _LEAVES_OPEN else Answer.ALLOWED

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "clause": "; ".join(self.clauses),
            "code": self.code,
            "hint": self.hint,
            "licence": self.licence,
            "message": self.message,
            "work": self.work,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    """The answer.

    Args:
        verdict: what may be done.
        use: what was asked.
        joining: how the works come together.
        reasons: why; those that decided come first.
        duties: what is owed; empty unless it is allowed.
        outbound: identifiers of the licences that the result may carry, sorted, of those that are known;
            empty when it is refused, when a licence is unknown, and when only terms of one's own will do.
    """

    verdict: Answer
    use: Use
    joining: Joining
    reasons: tuple[CompatibilityReason, ...] = ()
    duties: tuple[Duty, ...] = ()
    outbound: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may be done, with or without duties; False also when it cannot be known."""
        return self.verdict in {Answer.ALLOWED, Answer.DUTIES}

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses that decide, or that collide, each once."""
        plain = Answer.ALLOWED if self.allowed else self.verdict
        return tuple(
            dict.fromkeys(
                clause for reason in self.reasons if reason.answer is plain for clause in reason.clauses
            )
        )

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "clauses": list(self.clauses),
            "duties": [duty.to_json() for duty in self.duties],
            "outbound": list(self.outbound),
            "reasons": [reason.to_json() for reason in self.reasons],
            "use": {"as": self.joining, **self.use.to_json()},
            "verdict": self.verdict,
        }
