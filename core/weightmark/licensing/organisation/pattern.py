"""Patterns: names in which ``*`` stands for anything, matched in a time that grows with the name alone.

Not promised: regular expressions. Nothing but ``*`` has a meaning of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_Member = TypeVar("_Member")


def common(sets: Sequence[frozenset[_Member]]) -> frozenset[_Member]:
    """Give what is in all of some sets; nothing when there are none.

    Raises:
        Nothing.
    """
    found = sets[0] if sets else frozenset[_Member]()
    for each in sets[1:]:
        found &= each
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A name, perhaps with ``*`` in it.

    Args:
        text: as it was written.
        folded: whether upper and lower case are the same.
        also: other names that it stands for, such as what an alias of a licence stands for.
    """

    text: str
    folded: bool = False
    also: frozenset[str] = frozenset()
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take it apart at its stars."""
        text = self.text.lower() if self.folded else self.text
        object.__setattr__(self, "_parts", tuple(text.split("*")))

    @property
    def is_exact(self) -> bool:
        """Whether it has no ``*``."""
        return len(self._parts) == 1

    def matches(self, name: str) -> bool:
        """Say whether it stands for a name.

        Raises:
            Nothing.

        >>> Pattern(text="CC-BY-NC-*", folded=True).matches("cc-by-nc-sa-4.0")
        True
        """
        if self.folded:
            name = name.lower()
        if name in self.also:
            return True
        first, *rest = self._parts
        if not rest:
            return name == first
        last = rest.pop()
        if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
            return False
        place, end = len(first), len(name) - len(last)
        for part in rest:
            found = name.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What is accepted, and what is not.

    Args:
        allow: one of these must match; empty for anything.
        deny: none of these may match; goes before ``allow``.
    """

    allow: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.allow or self.deny)

    def denied(self, names: Collection[str]) -> Pattern | None:
        """Give the first pattern that rules one of the names out; None when none does."""
        return next((pattern for pattern in self.deny if any(map(pattern.matches, names))), None)

    def allows(self, names: Collection[str]) -> bool:
        """Say whether one of the names is among what is allowed."""
        return not self.allow or any(pattern.matches(name) for pattern in self.allow for name in names)
