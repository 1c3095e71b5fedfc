"""Licence expressions: what stands in a ``license`` field, as SPDX or in a hub's spelling.

Not promised: that the field is right. Of exceptions after WITH only the common ones are weighed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias, cast

from weightmark.errors import MalformedError
from weightmark.licensing.exception import weigh_exception
from weightmark.licensing.pointer import find_pointer
from weightmark.licensing.template import find_template, nearest_names
from weightmark.licensing.terms import Terms

LONGEST_EXPRESSION = 1_000
"""Characters; what is longer is not read."""
DEEPEST_EXPRESSION = 16
"""Parentheses inside parentheses."""

_MOST_COUNTED = 1 << 20
"""Characters in which parentheses are counted."""
_NOTHING_SAID = frozenset({"", "none", "noassertion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A licence with rules.

    Args:
        terms: the rules; loosened by the exception when that was weighed.
        exception: what stands after WITH; empty when nothing does.
        weighed: whether the exception was taken into account.
    """

    terms: Terms
    exception: str = ""
    weighed: bool = False

    @property
    def text(self) -> str:
        """The expression in its usual spelling."""
        return f"{self.terms.id} WITH {self.exception}" if self.exception else self.terms.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A licence without rules.

    Args:
        name: as it was written.
        nearest: identifiers that look like it, the nearest first, at most three.
        cause: why it could not be read as an expression; empty when only the rules are missing.
        title: its full name when the licence is known, and only its rules are missing; else empty.
        url: where its text stands; empty when that is not known.
        advice: what to do about it; empty for the usual.
    """

    name: str
    nearest: tuple[str, ...] = ()
    cause: str = ""
    title: str = ""
    url: str = ""
    advice: str = ""

    @property
    def text(self) -> str:
        """The expression as it was written."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Licences that must all allow."""

    parts: "tuple[Expression, ...]"

    @property
    def text(self) -> str:
        """The expression in its usual spelling."""
        return " AND ".join(f"({part.text})" if isinstance(part, AnyOf) else part.text for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Licences of which the licensee may choose one."""

    parts: "tuple[Expression, ...]"

    @property
    def text(self) -> str:
        """The expression in its usual spelling."""
        return " OR ".join(part.text for part in self.parts)


Expression: TypeAlias = Known | Unknown | AllOf | AnyOf


def resolve_license(text: str | None) -> Expression | None:
    """Read a licence field, whatever stands in it.

    Args:
        text: an identifier, an SPDX expression, a hub's spelling, or anything else.

    Returns:
        None when no licence is said; ``Unknown`` when it cannot be read or has no rules; else the expression.

    Raises:
        Nothing.

    Source: SPDX 3.0.1, annex B (licence expressions).

    >>> resolve_license("mit OR gpl-3.0").text
    'MIT OR GPL-3.0-only'
    """
    if text is None:
        return None
    if len(text) > LONGEST_EXPRESSION:
        return Unknown(name=text[:64], cause=_too_much(text))
    return _resolve(text)


def parse_license(text: str) -> Expression:
    """Read a licence that a person typed, strictly.

    Args:
        text: an SPDX expression or a hub's spelling. ``LicenseRef-`` names are taken as they are.

    Returns:
        The expression. SPDX identifiers without rules come back as ``Unknown``.

    Raises:
        MalformedError: it is empty, is no expression, or holds an unheard-of name; the hint offers names.
    """
    expression = resolve_license(text)
    if expression is None:
        raise MalformedError("no licence was given", hint="Write an SPDX identifier such as Apache-2.0.")
    _check(expression)
    return expression


def is_named(unknown: Unknown) -> bool:
    """Say whether it is clear which licence is meant, although there are no rules for it.

    Raises:
        Nothing.
    """
    if unknown.cause or unknown.advice:
        return False
    return bool(unknown.title) or unknown.name.split(" WITH ")[0].lower() in spdx_names()


@lru_cache(maxsize=4096)
def _resolve(text: str) -> Expression | None:
    words = text.strip()
    if words.lower() in _NOTHING_SAID:
        return None
    terms = find_template(words)
    if terms is not None:
        return Known(terms=terms)
    if not any(mark in words for mark in " ()\t\n"):
        return _unknown(words, words)
    if _depth(words) > DEEPEST_EXPRESSION:
        return Unknown(name=words, cause=_too_much(words))
    return _parse(words)


class _Node(Protocol):
    """What license-expression gives: an operator with parts, or a name without."""

    args: "Sequence[_Node]"


def _parse(words: str) -> Expression:
    from license_expression import Licensing  # pyright: ignore[reportMissingTypeStubs]

    try:
        tree = Licensing().parse(words, simple=True)  # pyright: ignore[reportUnknownMemberType]
        return _translate(cast("_Node", tree))
    except Exception as error:
        cause = str(error) or type(error).__name__
        return Unknown(name=words, nearest=nearest_names(words), cause=cause)


def _translate(node: _Node) -> Expression:
    if node.args:
        parts = tuple(_translate(child) for child in node.args)
        return AllOf(parts=parts) if type(node).__name__ == "AND" else AnyOf(parts=parts)
    name, _, exception = str(node).partition(" WITH ")
    terms = find_template(name)
    if terms is None:
        return _unknown(str(node), name)
    weighed = weigh_exception(terms, exception) if exception else None
    return Known(terms=weighed or terms, exception=exception, weighed=weighed is not None)


def _unknown(text: str, name: str) -> Unknown:
    pointer = find_pointer(name)
    if pointer is None:
        return Unknown(name=text, nearest=nearest_names(name))
    return Unknown(name=text, title=pointer.title, url=pointer.url, advice=pointer.advice)


def _too_much(text: str) -> str:
    depth = _depth(text[:_MOST_COUNTED])
    if depth > DEEPEST_EXPRESSION:
        return f"it is nested {depth} levels deep, and at most {DEEPEST_EXPRESSION} are read"
    return f"it is longer than {LONGEST_EXPRESSION} characters"


def _depth(text: str) -> int:
    deepest = depth = 0
    for mark in text:
        depth += (mark == "(") - (mark == ")")
        deepest = max(deepest, depth)
    return deepest


def _check(expression: Expression) -> None:
    if isinstance(expression, AllOf | AnyOf):
        for part in expression.parts:
            _check(part)
    elif isinstance(expression, Unknown):
        _check_name(expression)


def _check_name(unknown: Unknown) -> None:
    offer = f"Did you mean {' or '.join(unknown.nearest)}? " if unknown.nearest else ""
    if unknown.cause:
        raise MalformedError(
            f"{unknown.name[:80]!r} is no licence expression: {unknown.cause}",
            hint=f"{offer}Write SPDX identifiers with AND, OR, WITH and parentheses: MIT OR Apache-2.0.",
        )
    name = unknown.name.split(" WITH ")[0]
    if unknown.title:
        return
    if not name.startswith("LicenseRef-") and name.lower() not in spdx_names():
        raise MalformedError(
            f"{name[:80]!r} is no SPDX identifier and no licence that Weightmark knows",
            hint=f"{offer}For a licence of your own write LicenseRef-NAME and set its terms.",
        )


@lru_cache(maxsize=1)
def spdx_names() -> frozenset[str]:
    """List the identifiers of SPDX, in lower case.

    Raises:
        Nothing.
    """
    from license_expression import get_spdx_licensing  # pyright: ignore[reportMissingTypeStubs]

    known = cast("dict[str, object]", get_spdx_licensing().known_symbols)
    return frozenset(name.lower() for name in known)
