"""What came of an event: the verdict, the record, and the words for the platform."""

from dataclasses import dataclass

from weightmark.attribution import credit_line, format_receipt, write_tags, write_verdict
from weightmark.encoding import Json
from weightmark.fingerprinting import Fingerprint
from weightmark.index import RegisteredModel
from weightmark.licensing import Decision, Work
from weightmark.log import Receipt
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the workspace made of an event.

    Attributes:
        event: the event.
        decision: whether the platform may go on, and why.
        preview: what the licence says to using the model here; equals ``decision`` for events that are use.
        model: the model as it is registered; None when it is not.
        works: the model and everything it stands on, as the decision saw them.
        fingerprint: what was read; None when nothing had to be.
        receipt: the ledger's receipt, when something was recorded now.
        origin: the ledger's name.
        policy: the digest of the organisation's policy that was asked; empty when there is none.
        notes: what was stated and is not recorded, each as a sentence.
        link: where a person can look the model up, without a slash at its end; empty when nowhere.
    """

    event: ModelEvent
    decision: Decision
    preview: Decision
    model: RegisteredModel | None
    works: tuple[Work, ...]
    fingerprint: Fingerprint | None
    receipt: Receipt | None
    origin: str
    link: str = ""
    policy: str = ""
    notes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the platform may go on."""
        return self.decision.allowed

    def refusal(self) -> str:
        """Say in one line why not, by which clause, and what to do; empty when allowed."""
        return "" if self.allowed else explain(self.decision)

    def tags(self) -> dict[str, str]:
        """Give the tags for the platform: the verdict alone when the model is not registered.

        The verdict is that on the event when it was refused, else that on the model's use.
        """
        told = self.preview if self.allowed else self.decision
        if self.model is None:
            return {} if self.allowed else write_verdict(*_verdict(told))
        verdict, reason = _verdict(told)
        return write_tags(
            bundle=self.model.bundle,
            weights=self.model.weights,
            receipt=format_receipt(self.origin, self.model.entry),
            license_=self.model.license,
            owner=self.model.owner,
            verdict=verdict,
            reason=reason,
            credits_=credit_line(self.works),
            link=f"{self.link}/models/{self.model.bundle}" if self.link else "",
        )

    def to_json(self) -> dict[str, Json]:
        """Give the outcome in the words of the command line's ``--json``."""
        return {
            "schema": SCHEMA_VERSION,
            "event": self.event.kind.value,
            "uri": self.event.uri,
            **self.decision.to_json(),
            "model": None if self.model is None else describe(self.model),
            "receipt": None if self.model is None else format_receipt(self.origin, self.model.entry),
            "policy": self.policy or None,
            "recorded": self.receipt is not None,
            "tags": self.tags(),
            "notes": list(self.notes),
        }


def _verdict(decision: Decision) -> tuple[str, str]:
    return f"{decision.outcome.value} ({decision.code.value})", explain(decision)


def explain(decision: Decision) -> str:
    """Write a decision as one line: every reason with its clause, then the way out."""
    parts: list[str] = []
    for reason in decision.reasons:
        clause = f" ({reason.clause})" if reason.clause else ""
        way = f" {reason.hint}" if reason.hint else ""
        parts.append(f"{reason.message}{clause}{way}")
    return " ".join(parts) or decision.code.value


def describe(model: RegisteredModel) -> dict[str, Json]:
    """Give a registered model in the words of the command line's ``--json``."""
    return {
        "name": model.name,
        "owner": model.owner,
        "license": model.license,
        "bundle": model.bundle,
        "weights": model.weights,
        "manifest": model.manifest,
        "entry": model.entry,
    }
