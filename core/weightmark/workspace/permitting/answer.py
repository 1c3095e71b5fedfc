"""What a running gate goes by between two questions."""

from dataclasses import dataclass
from datetime import datetime

from weightmark.errors import UndecidedError, WeightmarkError
from weightmark.licensing import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a permit goes by at present.

    Attributes:
        decision: what was answered last; None when nothing ever was.
        failure: why nobody answers; None when somebody did.
        allowed: whether the gate lets pass.
        asked: when it was answered, or given up.
        due: the first moment at which it is asked anew.
        due_ticks: the same by a clock that nobody sets.
        over: the first moment at which it holds no more when nobody answers.
        over_ticks: the same by a clock that nobody sets.
    """

    decision: Decision | None
    failure: WeightmarkError | None
    allowed: bool
    asked: datetime
    due: datetime
    due_ticks: float
    over: datetime
    over_ticks: float

    def require(self) -> None:
        """Return when it lets pass.

        Raises:
            LicensingError: as ``Decision.require``; or nobody answers, and the gate is closed then.
        """
        if self.allowed:
            return
        if self.decision is not None:
            self.decision.require()
        raise UndecidedError(
            "It cannot be asked whether this is still allowed, so it is refused:"
            f" {'nobody answered' if self.failure is None else self.failure.message}",
            hint="Bring the ledger back; `weightmark doctor` looks for what is wrong.",
        ) from self.failure

    def differs(self, other: "Answer") -> bool:
        """Say whether another answer says something else; when it is due does not matter.

        Raises:
            Nothing.
        """
        return _gist(self) != _gist(other)


def _gist(answer: Answer) -> object:
    decision = answer.decision
    known = None if decision is None else (decision.outcome, decision.code, decision.grant)
    return answer.allowed, answer.failure is None, known
