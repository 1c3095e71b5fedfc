"""Capabilities: the single things one may do with a model.

Not promised: an order. Who may call a model need not see its weights.
"""

from enum import StrEnum

from weightmark.encoding import Record
from weightmark.licensing.listing import read_listed


class Capability(StrEnum):
    """One thing a licence or a grant can allow."""

    VIEW_METADATA = "view-metadata"
    """Read its name, owner, licence and card."""
    VIEW_ARCHITECTURE = "view-architecture"
    """Read its configuration, and the names and shapes of its tensors."""
    INFER = "infer"
    """Run it and use what it answers."""
    EMBED = "embed"
    """Read its inner outputs, such as embeddings and logits."""
    DOWNLOAD_WEIGHTS = "download-weights"
    """Hold a copy of its weights."""
    FINE_TUNE = "fine-tune"
    """Train it further, wholly or by an adapter."""
    MERGE = "merge"
    """Combine its weights with those of another model."""
    DISTILL = "distill"
    """Train another model on what it answers."""
    REDISTRIBUTE = "redistribute"
    """Give copies to others."""
    SUBLICENSE = "sublicense"
    """Give others permissions in one's own name."""
    RESELL = "resell"
    """Take money for copies or for access."""


VIEWS = frozenset({Capability.VIEW_METADATA, Capability.VIEW_ARCHITECTURE})
"""Looking at what a model is, without its weights; conditions on use do not reach this."""

DERIVES = frozenset({Capability.FINE_TUNE, Capability.MERGE, Capability.DISTILL})
"""What makes another model out of this one."""

SHARES = frozenset({Capability.REDISTRIBUTE, Capability.SUBLICENSE, Capability.RESELL})
"""What lets others have the model, or rights in it."""

EVERYTHING = frozenset(Capability)


def read_capabilities(record: Record, key: str) -> frozenset[Capability]:
    """Read a list of capabilities; empty when the field is missing.

    Args:
        record: the object that holds the list.
        key: the list's name in it.

    Raises:
        MalformedError: the field is not a list of strings, or one of them is not a capability.
    """
    return read_listed(record, key, Capability, one="a capability", all_="capabilities")
