"""Finds the place that a clause names in a licence's text: a section, a point within it, or a paragraph."""

import re

REFERENCE = re.compile(r"\d+(?:\.\d+)*(?:\([A-Za-z0-9]+\))*|(?<=and )\([a-z]\)")
ORDINALS = ("only|first", "second", "third", "fourth", "fifth", "sixth")
SHORTEST = 11
"""Words of a paragraph that is no title."""


def places(text: str, place: str) -> list[str | None]:
    """The passages that a place names, None for one that is not there; the whole text for a place by name."""
    if re.match(r"sections? \d", place):
        return [passage(text, reference) for reference in references(place)]
    if re.match(r"(condition|restriction)s? \d", place):
        listed = re.findall(r"^\s*(?:\d\.|\*)\s(.+)$", text, re.MULTILINE)
        return [listed[int(number) - 1] for number in re.findall(r"\d", place)]
    named = [position for position, words in enumerate(ORDINALS) if re.search(rf"\b({words})\b", place)]
    return [paragraphs(text)[position] for position in named] or [text]


def references(place: str) -> list[str]:
    """The numbers in a place such as ``sections 3.1(b) and (c)``."""
    found: list[str] = []
    for reference in REFERENCE.findall(place):
        found.append(found[-1].rpartition("(")[0] + reference if reference[0] == "(" else reference)
    return found


def paragraphs(text: str) -> list[str]:
    """The paragraphs without titles and the lines of copyright."""
    parts = re.split(r"\n\s*\n", text)
    return [part for part in parts if len(part.split()) >= SHORTEST and not part.startswith("Copyright")]


def passage(text: str, reference: str) -> str | None:
    """The part of a text that a reference such as ``2(a)(1)`` names."""
    number, *points = re.split(r"[()]+", reference.rstrip(")"))
    found = section(text, number)
    for point in points:
        found = None if found is None else item(found, point)
    return found


def section(text: str, number: str) -> str | None:
    head, _, last = number.rpartition(".")
    following = [f"{head}.{int(last) + 1}"] if head else []
    following.append(str(int(number.split(".", maxsplit=1)[0]) + 1))
    for lead in (r"Section ", ""):
        found = between(text, heading(number, lead), *(heading(one, lead) for one in following))
        if found is not None:
            return found
    return None


def item(text: str, point: str) -> str | None:
    following = str(int(point) + 1) if point.isdigit() else chr(ord(point) + 1)
    return between(text, marker(point), marker(following))


def between(text: str, begin: str, *ends: str) -> str | None:
    found = re.search(begin, text, re.MULTILINE)
    if found is None:
        return None
    rest = text[found.end() :]
    after = [end.start() for pattern in ends if (end := re.search(pattern, rest, re.MULTILINE))]
    return rest[: min(after, default=len(rest))]


def heading(number: str, lead: str) -> str:
    return rf"^\s*(?:#+ )?{lead}{re.escape(number)}(?:\.0)?\.?(?=[ \t\n])"


def marker(point: str) -> str:
    return rf"(?:^\s*{point}[.)]|(?:^|\s)\({point}\))(?=\s)"
