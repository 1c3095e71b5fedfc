"""Reading: terms from the sentences that ``wording`` writes, exactly and strictly.

Not promised: free text. A sentence of another form is an error that names its line.
"""

import json
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from weightmark.encoding import Json
from weightmark.errors import MalformedError
from weightmark.licensing.terms import COMMERCIAL, Terms
from weightmark.licensing.wording import ANY_LICENCE, NETWORK, REACHES, SECTIONS

LONGEST_TEXT: Final = 1 << 20
"""Characters; what is longer is not read."""
LONGEST_LINE: Final = 1 << 13
"""Characters of one line."""

Members: TypeAlias = dict[str, Json]

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_ITEM: Final = rf'(?:{_QUOTED}|[^",;:\[\]()]+)'
_TEXT: Final = rf"(?:{_QUOTED}|[^\"\[\]][^\[\]]*)"
_CLAUSE: Final = rf"(?: \[(?P<clause>{_TEXT})\])?"
_SPLIT: Final = re.compile(rf"({_ITEM})(?:, |$)")
_REACH_OF: Final = {sentence: reach for reach, sentence in REACHES.items()}


def read_terms(text: str) -> Terms:
    """Read terms from plain sentences.

    Args:
        text: what ``word_terms`` wrote.

    Raises:
        MalformedError: it is too long, a line has another form, or what it says makes no sense.
    """
    if len(text) > LONGEST_TEXT:
        raise MalformedError(f"the text has more than {LONGEST_TEXT} characters")
    members: Members = {}
    section = 0
    for number, line in enumerate(text.split("\n"), start=1):
        heading = _HEADING.fullmatch(line)
        if heading is not None and heading["title"] in SECTIONS:
            section = SECTIONS.index(heading["title"]) + 1
        elif line and (len(line) > LONGEST_LINE or not _read_line(line, section, members)):
            raise MalformedError(
                f"line {number} of the terms is no sentence that is known: {line[:80]!r}",
                hint="Write terms with `weightmark license build`, and change the JSON rather than the text.",
            )
    return Terms.from_json(members, what="the text of the terms")


def _read_line(line: str, section: int, members: Members) -> bool:
    for pattern, take in (*_FORMS, *_NAMED_IN.get(section, ())):
        found = pattern.fullmatch(line)
        if found is not None:
            take(found, members)
            return True
    return False


def _text(written: str) -> str:
    if not written.startswith('"'):
        return written
    try:
        read: object = json.loads(written)
    except ValueError as error:
        raise MalformedError(f"{written[:40]!r} is no JSON string") from error
    return str(read)


def _texts(written: str) -> list[Json]:
    return [_text(part) for part in _SPLIT.findall(written)]


def _append(members: Members, key: str, member: Json) -> None:
    held = members.setdefault(key, [])
    if isinstance(held, list):
        held.append(member)


def _set(key: str, read: Callable[[str], Json] = _text) -> Callable[[re.Match[str], Members], None]:
    def take(found: re.Match[str], members: Members) -> None:
        if key in members:
            raise MalformedError(f"the text of the terms says {key!r} twice")
        members[key] = read(found["it"])

    return take


def _capability(key: str) -> Callable[[re.Match[str], Members], None]:
    def take(found: re.Match[str], members: Members) -> None:
        topic = _text(found["id"])
        if key:
            _append(members, key, topic)
        _clause(found, members, topic)

    return take


def _named(key: str) -> Callable[[re.Match[str], Members], None]:
    def take(found: re.Match[str], members: Members) -> None:
        clause = "" if found["clause"] is None else _text(found["clause"])
        _append(
            members,
            key,
            {"clause": clause, "id": _text(found["id"]), "sentence": _text(found["it"])},
        )

    return take


def _clause(found: re.Match[str], members: Members, topic: str) -> None:
    if found["clause"] is None:
        return
    clauses = members.setdefault("clauses", {})
    if isinstance(clauses, dict):
        clauses[topic] = _text(found["clause"])


def _commerce(found: re.Match[str], members: Members) -> None:
    members["commercial"] = found["verb"] == "may"
    _clause(found, members, COMMERCIAL)


def _share(found: re.Match[str], members: Members) -> None:
    outbound = found["outbound"]
    members["shareAlike"] = {
        "clause": _text(found["clause"] or '""'),
        "network": found["network"] is not None,
        "outbound": [] if outbound is None else _texts(outbound),
        "reach": _REACH_OF[found["reach"]].value,
    }


def _bound(found: re.Match[str], members: Members) -> None:
    bound: Json = {
        "limit": int(found["limit"]),
        "name": _text(found["name"]),
        "overage": int(found["overage"]),
        "unit": _text(found["unit"]),
    }
    _append(members, "bounds", bound)


def _renews(found: re.Match[str], members: Members) -> None:
    del found
    members["renewal"] = "auto"


def _list_of(lead: str, key: str) -> tuple[str, Callable[[re.Match[str], Members], None]]:
    return rf"- {lead}: (?P<it>{_ITEM}(?:, {_ITEM})*)\.", _set(key, _texts)


_NUMBER: Final = r"(?P<it>[0-9]{1,16})"
_REACHES: Final = "|".join(re.escape(sentence) for sentence in REACHES.values())
_SHARING: Final = (
    rf"- What you pass on of (?P<reach>{_REACHES}) carries (?:{re.escape(ANY_LICENCE)}"
    rf"|one of (?P<outbound>{_ITEM}(?:, {_ITEM})*))(?P<network>; {re.escape(NETWORK)})?\.{_CLAUSE}"
)
_BOUND: Final = (
    rf"- Included are (?P<limit>[0-9]{{1,16}}) (?P<unit>{_ITEM}) of (?P<name>{_ITEM});"
    r" (?P<overage>[0-9]{1,16}) more are let through and owed for\."
)
_FORMS: Final = tuple(
    (re.compile(pattern), take)
    for pattern, take in (
        (rf"# (?P<it>{_TEXT})", _set("title")),
        (rf"These are the terms (?P<it>{_ITEM})\.", _set("id")),
        (rf"The text that binds is at (?P<it>{_TEXT})", _set("url")),
        (rf"- You may not [^()]+ \((?P<id>{_ITEM})\)\.{_CLAUSE}", _capability("prohibitions")),
        (rf"- You may [^()]+ \((?P<id>{_ITEM})\)\.{_CLAUSE}", _capability("permissions")),
        (rf"- Nothing here lets you [^()]+ \((?P<id>{_ITEM})\)\.{_CLAUSE}", _capability("")),
        (rf"- Commercial parties (?P<verb>may|may not) do what is permitted\.{_CLAUSE}", _commerce),
        (
            _SHARING,
            _share,
        ),
        (r"- It holds from (?P<it>[0-9TZ:.+-]+) on\.", _set("start")),
        (r"- It holds until (?P<it>[0-9TZ:.+-]+), and no longer\.", _set("end")),
        (rf"- After that come {_NUMBER} days of grace, in which you must renew it\.", _set("graceDays", int)),
        (r"- It renews itself\.", _renews),
        _list_of("It covers", "covers"),
        _list_of("Only for these organisations", "organisations"),
        _list_of("Only for these purposes", "purposes"),
        _list_of("Only in", "territory"),
        (rf"- For at most {_NUMBER} people\.", _set("seats", int)),
        (
            _BOUND,
            _bound,
        ),
        (rf"- The price: (?P<it>{_TEXT})", _set("price")),
        (rf"- Warranty: (?P<it>{_TEXT})", _set("warranty")),
        (rf"- Governing law: (?P<it>{_TEXT})", _set("law")),
    )
)

_NAMED: Final = re.compile(rf"- (?P<it>{_TEXT}) \((?P<id>{_ITEM})\){_CLAUSE}")
_NAMED_IN: Final = {
    4: ((_NAMED, _named("duties")),),
    5: ((_NAMED, _named("useRestrictions")),),
    6: ((_NAMED, _named("conditions")),),
}
_HEADING: Final = re.compile(r"## [1-9]\. (?P<title>.+)")
