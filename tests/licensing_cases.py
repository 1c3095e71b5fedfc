"""Random questions about licences and grants, each with the tree of the licence beside its text."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from weightmark.encoding import Digest
from weightmark.licensing import (
    Action,
    Capability,
    Entitlement,
    FailMode,
    Grant,
    GrantState,
    IssuedGrant,
    Party,
    Relation,
    Request,
    Terms,
    Tier,
    UseRestriction,
    Work,
)

BASE = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECTS = [Digest("sha256:" + mark * 64) for mark in "aaaab"]
NAMES = ["lab", "acme", "reseller", "mallory"]
PURPOSES = ["research", "medical-advice", "production"]
COUNTS = ["calls", "tokens"]
LICENCES = [
    "proprietary",
    "cc-by-nc-4.0",
    "cc-by-nd-4.0",
    "MIT",
    "apache-2.0",
    "gpl-3.0",
    "cc-by-nc-4.0",
    "openrail",
    "proprietary",
    "gfdl",
    "nobody-knows",
]


Tree = tuple[Any, ...]
Case = tuple[Request, list[tuple[Work, Tree | None]], list[IssuedGrant]]


class Maker:
    """Random cases of one seed; what is slow to build is drawn from a pool.

    Args:
        seed: of the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.grants = [self.make_grant() for _ in range(1_500)]
        self.terms = [self.make_terms() for _ in range(300)]

    def sometimes(self, share: float, value: Any, otherwise: Any = None) -> Any:
        """Give a value with a probability, made only then when it is a function."""
        if self.draw.random() >= share:
            return otherwise
        return value() if callable(value) else value

    def moment(self) -> datetime:
        """Give a day, or a microsecond beside one."""
        return BASE + timedelta(days=self.draw.randrange(12), microseconds=self.draw.choice((-1, 0, 0, 1)))

    def some(self, names: list[Any], share: float) -> frozenset[Any]:
        """Give some of the names."""
        return frozenset(name for name in names if self.draw.random() < share)

    def bounds(self) -> tuple[Entitlement, ...]:
        """Give one or two limits."""
        return tuple(
            Entitlement(
                name=name, unit="units", limit=self.draw.randrange(5), overage=self.draw.choice((0, 0, 2))
            )
            for name in self.draw.sample(COUNTS, self.draw.choice((1, 1, 2)))
        )

    def counts(self, most: int) -> dict[str, int]:
        """Give numbers for some names."""
        return {name: self.draw.randrange(most) for name in self.some(COUNTS, 0.6)}

    def span(self) -> tuple[datetime, datetime | None]:
        """Give a start and perhaps an end after it."""
        start, end = sorted((self.moment(), self.moment()))
        return start, end if end > start and self.draw.random() < 0.7 else None

    def make_grant(self) -> Grant:
        """Make a grant that fits more often than not."""
        start, end = self.span()
        if self.draw.random() < 0.5:
            start = BASE - timedelta(days=1)
        return Grant(
            model=self.draw.choice(SUBJECTS),
            licensor=self.draw.choice(["lab", "lab", "lab", "reseller", "mallory"]),
            grantee=self.draw.choice(["acme"] * 7 + ["reseller"]),
            capabilities=self.some(list(Capability), 0.3) | {Capability.INFER},
            tier=self.sometimes(0.8, lambda: self.draw.choice([Tier.FULL, Tier.FULL, Tier.FULL, *Tier])),
            commercial=self.draw.random() < 0.9,
            start=start,
            end=end,
            grace_days=self.draw.choice((0, 0, 1, 3)),
            bounds=self.sometimes(0.4, self.bounds, ()),
            purposes=self.sometimes(0.15, lambda: self.some(PURPOSES, 0.5), frozenset()),
            fail_mode=self.draw.choice(list(FailMode)),
            degrade_to=self.draw.choice(list(Tier)),
            terms=self.sometimes(0.2, "sha256:terms", ""),
            seats=self.sometimes(0.2, 2),
        )

    def make_terms(self) -> Terms:
        """Make terms of somebody's own."""
        start, end = self.span()
        return Terms(
            id="LicenseRef-Own",
            permissions=self.some(list(Capability), 0.8),
            prohibitions=self.some(list(Capability), 0.1),
            commercial=self.draw.random() < 0.7,
            use_restrictions=tuple(
                UseRestriction(id=name, sentence="No.", clause="1")
                for name in sorted(self.some(PURPOSES, 0.1))
            ),
            start=self.sometimes(0.4, start),
            end=self.sometimes(0.6, end),
            bounds=self.sometimes(0.3, self.bounds, ()),
            purposes=self.sometimes(0.2, lambda: self.some(PURPOSES, 0.5), frozenset()),
            organisations=self.sometimes(0.2, lambda: tuple(sorted(self.some(NAMES, 0.6))), ()),
            grace_days=self.draw.choice((0, 0, 2)) if end is not None else 0,
        )

    def editions(self, number: int, depth: int = 0) -> list[IssuedGrant]:
        """Make a grant in one to three editions that follow one another."""
        cuts = sorted({self.moment() for _ in range(self.draw.choice((0, 0, 0, 1, 2)))})
        id_ = f"sha256:{number}"
        revoked_at = self.sometimes(0.15, self.moment)
        above = self.editions(number + 100, depth + 1) if depth < 10 and self.draw.random() < 0.25 else []
        parent = self.draw.choice([id_ if not above else above[0].id, "", "sha256:other"]) if above else ""
        made = []
        for since, until in zip([None, *cuts], [*cuts, None], strict=True):
            grant = self.draw.choice(self.grants)
            if above and self.draw.random() < 0.8:
                grant = self.change(grant, licensor=above[0].grant.grantee, parent=parent)
            if depth and self.draw.random() < 0.8:
                grant = self.change(
                    grant, grantee="reseller", capabilities=frozenset(Capability), commercial=True
                )
            made.append(
                IssuedGrant(
                    id=id_,
                    grant=grant,
                    revoked_at=revoked_at,
                    since=since,
                    until=until,
                    state=self.draw.choice([GrantState.IN_EFFECT] * 8 + list(GrantState)),
                    holders=self.some(["ann", "bob", "cloud-7"], 0.5),
                    used=self.sometimes(0.4, lambda: self.counts(7)),
                    under=tuple(above),
                )
            )
        return made

    @staticmethod
    def change(grant: Grant, **changes: Any) -> Grant:
        """Give a grant with other values."""
        names = (
            "model",
            "licensor",
            "grantee",
            "capabilities",
            "tier",
            "commercial",
            "start",
            "end",
            "seats",
        )
        more = ("grace_days", "bounds", "purposes", "fail_mode", "degrade_to", "terms", "parent")
        return Grant(**({name: getattr(grant, name) for name in (*names, *more)} | changes))

    def tree(self, depth: int = 0) -> Tree:
        """Make a licence expression."""
        if depth < 3 and self.draw.random() < 0.35:
            return (self.draw.choice(["AND", "OR"]), self.tree(depth + 1), self.tree(depth + 1))
        return (self.draw.choice(LICENCES),)

    def work(self, number: int) -> tuple[Work, Tree | None]:
        """Make a work and the tree of its licence."""
        tree = self.sometimes(0.8, self.tree)
        own = self.sometimes(0.25, lambda: self.draw.choice(self.terms))
        return Work(
            name=f"work-{number}",
            subject=self.draw.choice(SUBJECTS),
            owner=self.draw.choice(["lab"] * 7 + ["acme", ""]),
            license=None if tree is None else spell(tree),
            terms=own,
            presumed=self.draw.random() < 0.2,
            relation=self.draw.choice([*Relation]),
            weights=self.sometimes(0.3, lambda: self.draw.choice(SUBJECTS)),
            licensors=self.sometimes(0.2, lambda: self.some(NAMES, 0.5), frozenset()),
        ), tree

    def request(self) -> Request:
        """Make a question."""
        return Request(
            action=self.draw.choice([Action.DEPLOY, Action.INFER, *Action]),
            party=Party(
                name=self.draw.choice(["acme"] * 7 + ["reseller", ""]),
                commercial=self.draw.random() < 0.6,
            ),
            at=self.moment(),
            usage=self.sometimes(0.75, lambda: self.counts(7)),
            purpose=self.draw.choice(["", "", *PURPOSES, "unheard-of"]),
            seat=self.draw.choice(["", "ann", "bob"]),
            amount=self.sometimes(0.4, lambda: self.counts(4), {}),
        )

    def cases(self) -> Iterator[Case]:
        """Make works, grants in any order, and three questions to them, for ever."""
        while True:
            works, grants = self.holdings()
            for _ in range(3):
                yield self.request(), works, grants

    def holdings(self) -> tuple[list[tuple[Work, Tree | None]], list[IssuedGrant]]:
        """Make works with the trees of their licences, and grants in any order."""
        works = [self.work(number) for number in range(self.draw.choice((0, *[1] * 12, 2, 2, 3)))]
        grants = [
            edition
            for number in range(self.draw.choice((0, 1, 1, 1, 2, 4)))
            for edition in self.editions(number)
        ]
        self.draw.shuffle(grants)
        return works, grants


def spell(tree):
    return tree[0] if len(tree) == 1 else f"({spell(tree[1])} {tree[0]} {spell(tree[2])})"
