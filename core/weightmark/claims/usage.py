"""The claim that use was settled: what was counted elsewhere, in a chain, and is counted now.

Not promised: that nothing else was used. A chain shows what its keeper recorded, in order and without a gap.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Self

from weightmark.claims.subject import check_text
from weightmark.encoding import Digest, Json, Record, format_time, parse_digest
from weightmark.errors import MalformedError
from weightmark.vocabulary import Predicate

MOST_NAMES: Final = 16
"""Entitlements that one chain counts."""

MOST_UNITS: Final = 2**53 - 1

_CHAIN: Final = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageClaim:
    """Whoever settles says what use of a grant is counted from a chain.

    Args:
        target: the grant's id.
        chain: the chain's id: 32 hexadecimal digits.
        head: the digest of the chain's entry ``last``.
        first: the first entry that is counted by this.
        last: the last one.
        totals: units by entitlement name, of these entries.
        began: the time of the chain's first entry, with a zone.
        ended: the time of the entry ``last``, with a zone.
        export: the digest of the file that was settled; empty when only signed totals were.
        issued_at: when it was settled, with a zone.

    Raises:
        MalformedError: one of these does not hold.
    """

    predicate_type: ClassVar[Predicate] = Predicate.USAGE

    target: Digest
    chain: str
    head: Digest
    first: int
    last: int
    totals: Mapping[str, int]
    began: datetime
    ended: datetime
    export: str = ""
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        for digest, what in ((self.target, "the grant's id"), (self.head, "the chain's head")):
            parse_digest(digest, what=what)
        check_chain_id(self.chain)
        check_totals(self.totals)
        if not 1 <= self.first <= self.last:
            raise MalformedError(f"the settled entries are {self.first} to {self.last}")
        if self.ended < self.began:
            raise MalformedError("the settled entries end before they begin")

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: a time has no zone.
        """
        fields: dict[str, Json] = {
            "began": format_time(self.began),
            "chain": self.chain,
            "ended": format_time(self.ended),
            "first": self.first,
            "head": self.head,
            "issuedAt": format_time(self.issued_at),
            "last": self.last,
            "target": self.target,
            "totals": dict(self.totals),
        }
        if self.export:
            fields["export"] = self.export
        return fields

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a settlement.
        """
        return cls(
            target=record.digest("target"),
            chain=record.text("chain"),
            head=record.digest("head"),
            first=record.integer("first"),
            last=record.integer("last"),
            totals=read_totals(record, "totals"),
            began=record.time("began"),
            ended=record.time("ended"),
            export=record.digest("export") if record.has("export") else "",
            issued_at=record.time("issuedAt"),
        )


def check_chain_id(chain: str) -> None:
    """Check a chain's id.

    Raises:
        MalformedError: it is not 32 lowercase hexadecimal digits.
    """
    if _CHAIN.match(chain) is None:
        raise MalformedError(f"{chain[:80]!r} is no chain's id, which has 32 lowercase hexadecimal digits")


def check_totals(totals: Mapping[str, int]) -> None:
    """Check units by name.

    Raises:
        MalformedError: there are none or too many names, or a number cannot be counted.
    """
    if not 1 <= len(totals) <= MOST_NAMES:
        raise MalformedError(f"a chain counts 1 to {MOST_NAMES} names, not {len(totals)}")
    for name, units in totals.items():
        check_text(name, "the entitlement's name", least=1, most=64)
        if not 0 <= units <= MOST_UNITS:
            raise MalformedError(f"{units} units of {name!r} cannot be counted")


def read_totals(record: Record, key: str) -> dict[str, int]:
    """Read units by name.

    Raises:
        MalformedError: it is not an object of names and numbers.
    """
    inner = record.record(key)
    names = list(inner.members())
    totals = {name: inner.integer(name) for name in names}
    check_totals(totals)
    return totals
