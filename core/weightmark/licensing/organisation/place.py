"""Places: in which lines of a TOML file its rules begin.

Not promised: an answer. A file that is written in an unusual way has no lines that are known.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weightmark.encoding import Json

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*(?P<name>rule|rule[ \t]*\.[ \t]*except)[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLines:
    """Where one rule is written.

    Args:
        line: its first line, from 1; 0 when that is not known.
        exemptions: the first line of each of its exceptions.
    """

    line: int = 0
    exemptions: tuple[int, ...] = ()

    def of_exemption(self, position: int) -> int:
        """Give the line of an exception; 0 when that is not known."""
        return self.exemptions[position] if position < len(self.exemptions) else 0


def find_lines(text: str, document: Json) -> tuple[RuleLines, ...]:
    """Find where each rule of a file begins.

    Args:
        text: the file.
        document: what it says.

    Returns:
        One for each rule; empty ones when the text does not show as many rules as there are.

    Raises:
        Nothing.
    """
    rules = _tables(document, "rule")
    found: list[tuple[int, list[int]]] = []
    line, place = 1, 0
    for header in _HEADER.finditer(text):
        line += text.count("\n", place, header.start())
        place = header.start()
        if header["name"] == "rule":
            found.append((line, []))
        elif found:
            found[-1][1].append(line)
    if len(found) != len(rules):
        return tuple(RuleLines() for _ in rules)
    return tuple(
        RuleLines(
            line=line,
            exemptions=tuple(exceptions) if len(exceptions) == len(_tables(rule, "except")) else (),
        )
        for (line, exceptions), rule in zip(found, rules, strict=True)
    )


def _tables(value: Json, key: str) -> Sequence[Json]:
    inside = value.get(key) if isinstance(value, Mapping) else None
    return inside if isinstance(inside, Sequence) and not isinstance(inside, str) else ()
