"""Entitlements: the countable rights inside a grant or a licence.

Not here: counting. Whoever meters hands in what was used so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weightmark.encoding import Json, Record


class Quota(StrEnum):
    """What is left of an entitlement."""

    LEFT = "left"
    OVERAGE = "overage"
    USED_UP = "used-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """One countable right.

    Args:
        name: what is counted, the key under which use is reported: ``calls``.
        unit: the unit it is counted in: ``requests``, ``tokens``, ``GPU-hours``.
        limit: how many units are included; at least 0.
        overage: how many units beyond the limit are let through and owed for; at least 0.

    Raises:
        ValueError: the name is empty, or a number is negative.
    """

    name: str
    unit: str
    limit: int
    overage: int = 0

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not self.name:
            raise ValueError("an entitlement needs a name")
        if self.limit < 0 or self.overage < 0:
            raise ValueError(f"{self.name!r} has a negative limit or overage")

    def quota(self, usage: Mapping[str, int], amount: Mapping[str, int]) -> Quota:
        """Say whether what an action takes is included.

        Args:
            usage: units used so far, by entitlement name; what is not named was not used.
            amount: units that the action takes, by entitlement name; one of each that is not named.

        Raises:
            TypeError: a count is not a number.
        """
        after = usage.get(self.name, 0) + amount.get(self.name, 1)
        if after <= self.limit:
            return Quota.LEFT
        return Quota.OVERAGE if after <= self.limit + self.overage else Quota.USED_UP

    def left(self, usage: Mapping[str, int]) -> int:
        """Say how many units are left of those that are included; never less than 0.

        Args:
            usage: units used so far, by entitlement name; what is not named was not used.

        Raises:
            TypeError: a count is not a number.
        """
        return max(0, self.limit - usage.get(self.name, 0))

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {"limit": self.limit, "name": self.name, "overage": self.overage, "unit": self.unit}

    @classmethod
    def from_record(cls, record: Record) -> "Entitlement":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
            ValueError: the name is empty.
        """
        entitlement = cls(
            name=record.text("name"),
            unit=record.text("unit"),
            limit=record.integer("limit"),
            overage=record.integer("overage", default=0),
        )
        record.done()
        return entitlement


def bounds_in(
    bounds: tuple[Entitlement, ...], state: Quota, usage: Mapping[str, int], amount: Mapping[str, int]
) -> tuple[Entitlement, ...]:
    """Pick the entitlements that are in a state.

    Args:
        bounds: what to pick from.
        state: left, overage or used up.
        usage: units used so far, by entitlement name.
        amount: units that the action takes, by entitlement name.

    Raises:
        TypeError: a count is not a number.
    """
    return tuple(bound for bound in bounds if bound.quota(usage, amount) is state)


def units_left(bounds: tuple[Entitlement, ...], usage: Mapping[str, int] | None) -> dict[str, int]:
    """Say how many units are left under each entitlement.

    Args:
        bounds: the limits; of two of one name the narrower counts.
        usage: units used so far; None when they are not known, and then nothing is said.

    Raises:
        TypeError: a count is not a number.
    """
    left: dict[str, int] = {}
    if usage is not None:
        for bound in bounds:
            left[bound.name] = min(bound.left(usage), left.get(bound.name, bound.limit))
    return left
