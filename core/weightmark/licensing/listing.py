"""Listing: reading a list of names of one kind from JSON.

Not here: what the names mean.
"""

from enum import StrEnum
from typing import TypeVar

from weightmark.encoding import Record
from weightmark.errors import MalformedError

K = TypeVar("K", bound=StrEnum)


def read_listed(record: Record, key: str, kind: type[K], *, one: str, all_: str) -> frozenset[K]:
    """Read a list of names; empty when the field is missing.

    Args:
        record: the object that holds the list.
        key: the list's name in it.
        kind: the names there are.
        one: what one of them is, for messages: ``a capability``.
        all_: what they are together: ``capabilities``.

    Raises:
        MalformedError: the field is not a list of strings, or one of them is no such name.
    """
    found: set[K] = set()
    for text in record.texts(key, required=False):
        try:
            found.add(kind(text))
        except ValueError as error:
            raise MalformedError(
                f"{key!r} in {record.what} has {text[:40]!r}, which is not {one}",
                hint=f"The {all_} are: {', '.join(kind)}.",
            ) from error
    return frozenset(found)
