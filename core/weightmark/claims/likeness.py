"""What a registered model is looked up by when one looks for its like.

Not promised: that two models with like codes have anything to do with each other; see
``weightmark.similarity.sketch``.
"""

from dataclasses import dataclass
from typing import Self

from weightmark.encoding import Digest, Json, Record, parse_digest
from weightmark.errors import MalformedError

_CODE_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What a model is looked up by when one looks for its like.

    Args:
        code: the 256 bits that stand for the whole model, as 64 hexadecimal digits.
        seed: SHA-256 over the seed that the code was made with; only codes of one seed can be compared.
        sketch: SHA-256 over the sketch, which has codes for the tensors too.

    Raises:
        MalformedError: the code is none, or a digest is none.
    """

    code: str
    seed: Digest
    sketch: Digest

    def __post_init__(self) -> None:
        """Check the parts."""
        if len(self.code) != _CODE_DIGITS or set(self.code) - set("0123456789abcdef"):
            raise MalformedError(
                f"the code is {self.code[:80]!r}, not {_CODE_DIGITS} lowercase hexadecimal digits"
            )
        for digest in (self.seed, self.sketch):
            parse_digest(digest)

    def to_json(self) -> Json:
        """Give the member of the predicate.

        Raises:
            Nothing.
        """
        return {"code": self.code, "seed": self.seed, "sketch": self.sketch}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the member of the predicate.

        Raises:
            MalformedError: it is not a likeness.
        """
        likeness = cls(
            code=record.text("code"),
            seed=record.digest("seed"),
            sketch=record.digest("sketch"),
        )
        record.done()
        return likeness
