"""Templates: the licences for which Weightmark has rules, and the names under which people write them.

A family's module is read when one of its licences is asked for.

Not promised: all licences. What is not here is unknown, and the unknown is never allowed by itself.
"""

import difflib
import heapq
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Final, cast, overload

from weightmark.licensing.catalog import ALIASES, FAMILIES
from weightmark.licensing.pointer import pointer_names
from weightmark.licensing.terms import Terms

_IDS: Final = tuple(name for names in FAMILIES.values() for name in names)
_FAMILY_OF: Final = {name: family for family, names in FAMILIES.items() for name in names}
_MOST_COMPARED: Final = 16
"""Spellings that are compared in full, those with the most pairs of letters in common."""
_BY_NAME: Final = {name.lower(): name for name in _IDS} | ALIASES


class _Templates(Sequence[Terms]):
    """All templates in the catalogue's order, each read when it is asked for."""

    def __len__(self) -> int:
        return len(_IDS)

    @overload
    def __getitem__(self, index: int) -> Terms: ...

    @overload
    def __getitem__(self, index: slice) -> "tuple[Terms, ...]": ...

    def __getitem__(self, index: int | slice) -> "Terms | tuple[Terms, ...]":
        if isinstance(index, slice):
            return tuple(_load(name) for name in _IDS[index])
        return _load(_IDS[index])


TEMPLATES: Final[Sequence[Terms]] = _Templates()


def find_template(name: str) -> Terms | None:
    """Find the terms of a licence by its name.

    Args:
        name: an SPDX identifier or a hub's spelling; upper and lower case do not matter.

    Returns:
        The terms, or None when there are no rules for it.

    Raises:
        Nothing.

    >>> find_template("apache-2.0").id
    'Apache-2.0'
    """
    known = _BY_NAME.get(name.strip().lower())
    return None if known is None else _load(known)


def nearest_names(name: str) -> tuple[str, ...]:
    """Offer the names that look most like one that was not found.

    Args:
        name: any text; only its first 64 characters are looked at.

    Returns:
        At most three identifiers, the nearest first; empty when none is near.

    Raises:
        Nothing.

    >>> nearest_names("apache2.0")
    ('Apache-2.0',)
    """
    asked = name[:64].strip().lower()
    pairs = _pairs(asked)
    likely = heapq.nlargest(_MOST_COMPARED, _spellings(), key=lambda entry: len(entry[1] & pairs))
    close = difflib.get_close_matches(asked, [spelling for spelling, _ in likely], n=5, cutoff=0.7)
    return tuple(dict.fromkeys(_BY_NAME.get(spelling, spelling) for spelling in close))[:3]


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


@cache
def _spellings() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((name, _pairs(name)) for name in dict.fromkeys((*_BY_NAME, *pointer_names())))


@cache
def _load(name: str) -> Terms:
    module = import_module(f"weightmark.licensing.family.{_FAMILY_OF[name]}")
    family = cast("tuple[Terms, ...]", module.TERMS)
    return next(terms for terms in family if terms.id == name)
