"""What a licence demands of works that are made with the licensed one: copyleft, share-alike, flow-down.

Not promised: whether a model trained on data, or an adapter beside a base, is a derived work. Lawyers differ;
where a licence's own text decides it, its encoding says so.
"""

from dataclasses import dataclass
from enum import StrEnum

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError


class Reach(StrEnum):
    """How far a demand reaches."""

    FILE = "file"
    """The changed files or parts themselves; what is added beside them stays free."""
    DERIVATIVE = "derivative"
    """Works that are made from it by changing it: fine-tunes, merges, adaptations."""
    COMBINED = "combined"
    """Derivatives, and larger works that it becomes part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareAlike:
    """A demand about the licence of other works.

    Args:
        reach: which works it reaches.
        outbound: the licences of which such a work must carry one; SPDX identifiers or ``LicenseRef-`` names.
            Empty when any licence will do that keeps the use restrictions.
        network: whether giving access over a network counts as passing it on.
        clause: where it is written.
    """

    reach: Reach
    outbound: tuple[str, ...] = ()
    network: bool = False
    clause: str

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "clause": self.clause,
            "network": self.network,
            "outbound": list(self.outbound),
            "reach": self.reach.value,
        }

    @classmethod
    def from_record(cls, record: Record) -> "ShareAlike":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
        """
        text = record.text("reach")
        if text not in tuple(Reach):
            raise MalformedError(f"'reach' in {record.what} is {text[:40]!r}, not one of {', '.join(Reach)}")
        share_alike = cls(
            reach=Reach(text),
            outbound=record.texts("outbound", required=False),
            network=record.boolean("network", default=False),
            clause=record.text("clause"),
        )
        record.done()
        return share_alike
