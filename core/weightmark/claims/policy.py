"""How many signatures are asked for, and whose.

Not promised: that the signers are honest, only that there are enough of them.
"""

from dataclasses import dataclass, field
from typing import Self

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """So many signatures, by so many different people.

    Args:
        threshold: how many distinct keys of distinct identities must have signed; at least 1.
        identities: whose signatures count; empty for everybody in the trust root.

    Raises:
        ValueError: the threshold is less than 1, or more than there are identities.
    """

    threshold: int = 1
    identities: frozenset[str] = field(default_factory=frozenset[str])

    def __post_init__(self) -> None:
        """Refuse a policy that everything or nothing meets."""
        if self.threshold < 1:
            raise ValueError(f"a threshold of {self.threshold} asks for nothing; expected at least 1")
        if self.identities and self.threshold > len(self.identities):
            raise ValueError(f"{len(self.identities)} identities never reach a threshold of {self.threshold}")

    def counts(self, identity: str) -> bool:
        """Say whether this identity's signature counts.

        Raises:
            Nothing.
        """
        return not self.identities or identity in self.identities

    def to_json(self) -> Json:
        """Give the policy as a member of a trust root.

        Raises:
            Nothing.
        """
        return {"threshold": self.threshold, "identities": sorted(self.identities)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the policy of a trust root.

        Raises:
            MalformedError: it is not a policy, or one that nothing can meet.
        """
        threshold = record.integer("threshold", least=1)
        identities = record.texts("identities", required=False)
        record.done()
        if len(set(identities)) != len(identities):
            raise MalformedError(f"{record.what} names an identity twice")
        try:
            return cls(threshold=threshold, identities=frozenset(identities))
        except ValueError as error:
            raise MalformedError(f"{record.what}: {error}") from error
