"""What a model was made from.

Not promised: truth. A parent is what somebody states; the claim about it is what is signed.
"""

from dataclasses import dataclass
from enum import StrEnum

from weightmark.encoding import Digest


class Relation(StrEnum):
    """How a model came from its parent."""

    FINE_TUNE = "fine-tune"
    ADAPTER = "adapter"
    MERGE = "merge"
    QUANTIZATION = "quantization"
    DISTILLATION = "distillation"
    CONVERSION = "conversion"
    OTHER = "other"
    SAME_WEIGHTS = "same-weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """One model that another was made from.

    Attributes:
        subject: the parent's bundle or weights digest; None when only its URI is known.
        relation: how the child came from it.
        uri: where the parent was found; empty when that is not known.
    """

    subject: Digest | None
    relation: Relation
    uri: str = ""
