"""Policies of an organisation: what it does not want done with models, whatever their licences allow.

Not promised: permission. A policy forbids or warns; what a licence refuses stays refused.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weightmark.licensing.action import Action
from weightmark.licensing.capability import Capability
from weightmark.licensing.organisation.pattern import Choosing, Pattern
from weightmark.licensing.window import Window

ANYTHING = Choosing()
ALWAYS = Window()


class Effect(StrEnum):
    """What follows when a rule is not kept."""

    DENY = "deny"
    WARN = "warn"


class Span(StrEnum):
    """Which works a rule looks at."""

    LINEAGE = "lineage"
    """The model and everything it stands on."""
    MODEL = "model"
    """The model alone, also where it was registered before."""


class Need(StrEnum):
    """A plain demand of a rule."""

    REGISTERED = "registered"
    KNOWN_LICENCE = "known-licence"
    COMMERCIAL = "commercial-use-permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """What a rule lets pass for a while.

    Args:
        models: names or digests, of the work in the way or of the model that is asked about; empty for all.
        owners: owners of the work in the way; empty for all.
        actions: what may be done; empty for all that the rule reaches.
        window: from when until when.
        because: why, in the organisation's words.
        line: where it is written, from 1; 0 when that is not known.
    """

    models: tuple[Pattern, ...] = ()
    owners: tuple[Pattern, ...] = ()
    actions: frozenset[Action] = frozenset()
    window: Window
    because: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold before something is done. All its demands must.

    Args:
        id: its name, unique in its policy.
        actions: what it reaches.
        span: which works it looks at.
        licences: which licences it accepts.
        owners: which owners it accepts; ``ours`` stands for the organisation.
        models: which names or digests it accepts.
        duties: duties that it does not accept.
        conditions: conditions on the licensee that it does not accept.
        capabilities: what the licence must permit.
        territory: where the licence must hold, by country code.
        needs: plain demands.
        never: whether what it reaches is not done at all.
        granted: whether a grant that the party holds stands for the licence.
        unknown: whether what cannot be known passes.
        effect: what follows when it is not kept.
        because: why there is such a rule.
        ask: whom to ask for a way out.
        window: from when until when it holds.
        exemptions: what it lets pass.
        line: where it is written, from 1; 0 when that is not known.
    """

    id: str
    actions: frozenset[Action]
    span: Span = Span.LINEAGE
    licences: Choosing = ANYTHING
    owners: Choosing = ANYTHING
    models: Choosing = ANYTHING
    duties: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] = frozenset()
    territory: frozenset[str] = frozenset()
    needs: frozenset[Need] = frozenset()
    never: bool = False
    granted: bool = False
    unknown: bool = False
    effect: Effect = Effect.DENY
    because: str = ""
    ask: str = ""
    window: Window = ALWAYS
    exemptions: tuple[Exemption, ...] = ()
    line: int = 0

    @property
    def weighs_licence(self) -> bool:
        """Whether it asks for anything of a work's licence."""
        return bool(
            self.licences
            or self.duties
            or self.conditions
            or self.capabilities
            or self.territory
            or self.needs - {Need.REGISTERED}
        )

    @property
    def demands(self) -> bool:
        """Whether it asks for anything at all."""
        return bool(self.weighs_licence or self.owners or self.models or self.needs or self.never)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationPolicy:
    """All rules of an organisation.

    Args:
        name: whose it is, for messages.
        file: where it is written, for messages.
        ours: the names of the organisation as an owner; empty for the workspace's own party.
        rules: in the order of the file, which does not matter.
    """

    name: str
    file: str = ""
    ours: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()

    def place(self, rule: str, line: int) -> str:
        """Say where a rule is written: ``acme policy, rule no-nc (weightmark-policy.toml:12)``."""
        where = f"{self.file}:{line}" if line else self.file
        return f"{self.name} policy, rule {rule}" + (f" ({where})" if where else "")


class Weight(StrEnum):
    """What a ruling does to a decision."""

    DENY = "deny"
    WARN = "warn"
    EXEMPT = "exempt"
    """Nothing: a rule is not kept, and an exemption lets it pass."""
    SILENT = "silent"
    """Nothing, and nothing is said; only its ``until`` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one rule says of one work that does not keep it.

    Args:
        weight: what it does.
        rule: the rule's id.
        message: one sentence that names the work and what is in the way.
        clause: where the rule is written.
        work: the work's name; empty when it is about none.
        hint: the way out.
        until: the first moment at which it may change by itself, in UTC; None when it cannot.
    """

    weight: Weight
    rule: str
    message: str
    clause: str
    work: str = ""
    hint: str = ""
    until: datetime | None = None
