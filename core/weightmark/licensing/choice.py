"""Choices: the ways to satisfy a licence expression.

Not here: which of them is best for a use.
"""

from collections.abc import Iterable
from itertools import islice, product
from math import prod
from typing import Final, TypeAlias

from weightmark.licensing.expression import AllOf, AnyOf, Expression, Known, Unknown

MAX_CHOICES: Final = 256
"""Ways to choose among alternatives that are weighed."""

Leaf: TypeAlias = Known | Unknown | None
"""One licence; None when none is stated."""
Choice: TypeAlias = tuple[Leaf, ...]
"""Licences that all hold."""


def count_choices(expression: Expression | None) -> int:
    """Count the ways to choose, without making them.

    Returns:
        At most one more than ``MAX_CHOICES``.

    Raises:
        Nothing.
    """
    if isinstance(expression, AllOf):
        return min(MAX_CHOICES + 1, prod(count_choices(part) for part in expression.parts))
    if isinstance(expression, AnyOf):
        return min(MAX_CHOICES + 1, sum(count_choices(part) for part in expression.parts))
    return 1


def list_choices(expression: Expression | None) -> list[Choice]:
    """List the ways to choose, each once.

    Args:
        expression: one with at most ``MAX_CHOICES`` ways; of more, the first are given.

    Raises:
        Nothing.
    """
    if isinstance(expression, AllOf):
        ways = product(*(list_choices(part) for part in expression.parts))
        return _distinct(tuple(leaf for part in way for leaf in part) for way in ways)
    if isinstance(expression, AnyOf):
        return _distinct(choice for part in expression.parts for choice in list_choices(part))
    return [(expression,)]


def _distinct(choices: Iterable[Choice]) -> list[Choice]:
    by_text = {tuple(None if leaf is None else leaf.text for leaf in choice): choice for choice in choices}
    return list(islice(by_text.values(), MAX_CHOICES))
