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
    TRAINED_ON = "trained-on"
    EVALUATED_ON = "evaluated-on"


DATA = frozenset({Relation.TRAINED_ON, Relation.EVALUATED_ON})
"""Relations to data sets, which are works of another kind: recorded, but not asked as a base model is."""

_STATED = {
    "finetune": Relation.FINE_TUNE,
    "adapter": Relation.ADAPTER,
    "merge": Relation.MERGE,
    "quantized": Relation.QUANTIZATION,
    **{relation.value: relation for relation in Relation if relation not in DATA},
}


def read_relation(text: str) -> Relation:
    """Read how a model came from its base, as a card or a platform's user writes it.

    Args:
        text: a value of ``Relation``, or of the Hub's ``base_model_relation``; anything else, and nothing,
            is taken for fine-tuning, the relation whose licence asks most.

    Raises:
        Nothing.

    >>> read_relation("quantized")
    <Relation.QUANTIZATION: 'quantization'>
    """
    return _STATED.get(text.strip().lower(), Relation.FINE_TUNE)


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
