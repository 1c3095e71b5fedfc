"""Kinds of works: weights, data, code and outputs are different things, and a licence may reach only some.

Not promised: a lawyer's answer to whether weights are a work at all.
"""

from enum import StrEnum

from weightmark.encoding import Record
from weightmark.licensing.listing import read_listed


class WorkKind(StrEnum):
    """What a licence is put on, or what comes out of it."""

    WEIGHTS = "weights"
    """The numbers of a trained model."""
    DATA = "data"
    """What a model is trained or tested on."""
    CODE = "code"
    """Programs: training, inference, conversion."""
    OUTPUTS = "outputs"
    """What a model answers."""


def read_work_kinds(record: Record, key: str) -> frozenset[WorkKind]:
    """Read a list of kinds of works; empty when the field is missing.

    Args:
        record: the object that holds the list.
        key: the list's name in it.

    Raises:
        MalformedError: the field is not a list of strings, or one of them is no kind of work.
    """
    return read_listed(record, key, WorkKind, one="a kind of work", all_="kinds")
