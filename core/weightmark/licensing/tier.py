"""Tiers: named bundles of capabilities, for people who sell and buy access.

Not promised: a total order. ``read-only`` and ``inference`` hold neither each other.
"""

from enum import StrEnum
from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability


class Tier(StrEnum):
    """A bundle of capabilities with a name."""

    METADATA = "metadata"
    READ_ONLY = "read-only"
    INFERENCE = "inference"
    FINE_TUNE = "fine-tune"
    FULL = "full"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything this tier allows."""
        return _BUNDLES[self]


_METADATA = frozenset({Capability.VIEW_METADATA})
_INFERENCE = _METADATA | {Capability.INFER, Capability.EMBED}

_BUNDLES: Final[dict[Tier, frozenset[Capability]]] = {
    Tier.METADATA: _METADATA,
    Tier.READ_ONLY: _METADATA | {Capability.VIEW_ARCHITECTURE},
    Tier.INFERENCE: _INFERENCE,
    Tier.FINE_TUNE: _INFERENCE
    | {Capability.VIEW_ARCHITECTURE, Capability.DOWNLOAD_WEIGHTS, Capability.FINE_TUNE, Capability.MERGE},
    Tier.FULL: EVERYTHING,
}
