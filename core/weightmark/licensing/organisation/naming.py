"""Names in a policy: of actions, licences, owners, duties; each checked, so that no rule is dead by a slip.

Not here: what a rule does with them; see ``organisation_judging``.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from typing import Final, TypeVar

from weightmark.encoding import Record
from weightmark.errors import MalformedError
from weightmark.licensing.action import Action
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.catalog import ALIASES, FAMILIES
from weightmark.licensing.expression import AllOf, AnyOf, parse_license, spdx_names
from weightmark.licensing.organisation.case import COPYLEFT, NETWORK_COPYLEFT, duties_in
from weightmark.licensing.organisation.pattern import Choosing, Pattern
from weightmark.licensing.pointer import pointer_names
from weightmark.licensing.template import TEMPLATES

_Member = TypeVar("_Member", bound=StrEnum)
GROUPS: Final[dict[str, frozenset[Action]]] = {
    "use": frozenset(action for action in Action if action.needs),
    "production": frozenset(action for action in Action if action.production),
    "recording": frozenset(action for action in Action if not action.needs),
    "any": frozenset(Action),
}
"""Names for several actions; without any, a rule reaches ``use``."""
_LONGEST: Final = 1_000
_COUNTRY = re.compile(r"[A-Z]{2}")
_REFERENCE: Final = "licenseref-"


def one_of(text: str, kind: type[_Member], what: str) -> _Member:
    """Read one word of a few.

    Raises:
        MalformedError: it is none of them.
    """
    try:
        return kind(text)
    except ValueError:
        raise MalformedError(f"{what} is {text[:40]!r}, not one of {', '.join(kind)}") from None


def read_actions(record: Record, key: str) -> frozenset[Action]:
    """Read actions and groups of them; ``use`` when nothing is said.

    Raises:
        MalformedError: one is unknown, or the list is empty.
    """
    if not record.has(key):
        return GROUPS["use"]
    found: set[Action] = set()
    for word in record.texts(key):
        if word in GROUPS:
            found |= GROUPS[word]
        elif word in tuple(Action):
            found.add(Action(word))
        else:
            raise _unknown(word, f"{key!r} in {record.what}", "action", [*GROUPS, *Action])
    if not found:
        raise MalformedError(f"{key!r} in {record.what} is empty, so it reaches nothing")
    return frozenset(found)


def read_choosing(record: Record, key: str) -> Choosing:
    """Read what is accepted and what is not, of names.

    Raises:
        MalformedError: a list is empty, or a name is.
    """
    return _choosing(record, key, lambda text, _: Pattern(text=text))


def read_licences(record: Record, key: str) -> Choosing:
    """Read which licences are accepted and which are not.

    Raises:
        MalformedError: a licence is unknown, or a pattern fits none; the hint offers names.
    """
    return _choosing(record, key, _licence)


def read_patterns(record: Record, key: str) -> tuple[Pattern, ...]:
    """Read a list of names; empty when it is missing.

    Raises:
        MalformedError: the list or a name is empty, or a name is too long.
    """
    return _patterns(record, key, lambda text, _: Pattern(text=text))


def read_duties(record: Record) -> frozenset[str]:
    """Read which duties are not accepted.

    Raises:
        MalformedError: one is unknown.
    """
    return _denied(record, "duties", "duty", _known_duties)


def read_conditions(record: Record) -> frozenset[str]:
    """Read which conditions on the licensee are not accepted.

    Raises:
        MalformedError: one is unknown.
    """
    return _denied(record, "conditions", "condition", _known_conditions)


def read_capabilities_of(record: Record) -> frozenset[Capability]:
    """Read what the licence must permit.

    Raises:
        MalformedError: one is no capability.
    """
    inside = _inside(record, "capabilities")
    if inside is None:
        return frozenset()
    found = read_capabilities(inside, "require")
    inside.done()
    return _filled(found, inside, "require")


def read_territory(record: Record) -> frozenset[str]:
    """Read where the licence must hold.

    Raises:
        MalformedError: a code is not two capitals.
    """
    inside = _inside(record, "territory")
    if inside is None:
        return frozenset()
    codes = frozenset(inside.texts("require"))
    inside.done()
    for code in sorted(codes):
        if not _COUNTRY.fullmatch(code):
            raise MalformedError(
                f"{inside.what} has {code[:40]!r}, which is no country's code",
                hint="Write ISO 3166-1 codes, two capitals: DE, FR, US.",
            )
    return _filled(codes, inside, "require")


def _choosing(record: Record, key: str, make: Callable[[str, str], Pattern]) -> Choosing:
    inside = _inside(record, key)
    if inside is None:
        return Choosing()
    choosing = Choosing(allow=_patterns(inside, "allow", make), deny=_patterns(inside, "deny", make))
    inside.done()
    if not choosing:
        raise MalformedError(f"{inside.what} neither allows nor denies anything")
    return choosing


def _inside(record: Record, key: str) -> Record | None:
    if not record.has(key):
        return None
    inside = record.record(key)
    inside.what = f"{record.what}, {key}"
    return inside


def _patterns(record: Record, key: str, make: Callable[[str, str], Pattern]) -> tuple[Pattern, ...]:
    if not record.has(key):
        return ()
    what = f"{key!r} in {record.what}"
    texts = record.texts(key)
    for text in texts:
        if not text.strip() or len(text) > _LONGEST:
            raise MalformedError(f"{what} has a name that is empty, or longer than {_LONGEST} characters")
    return _filled(tuple(make(text, what) for text in dict.fromkeys(texts)), record, key)


_Filled = TypeVar("_Filled", frozenset[str], frozenset[Capability], tuple[Pattern, ...])


def _filled(found: _Filled, record: Record, key: str) -> _Filled:
    if not found:
        raise MalformedError(f"{key!r} in {record.what} is empty", hint="Take it out, or name something.")
    return found


def _licence(text: str, what: str) -> Pattern:
    if "*" in text:
        return _family(text, what)
    try:
        expression = parse_license(text)
    except MalformedError as error:
        raise MalformedError(f"{what}: {error.message}", hint=error.hint) from error
    if isinstance(expression, AllOf | AnyOf):
        raise MalformedError(f"{what} has {text!r}; name each licence by itself")
    return Pattern(text=text, folded=True, also=frozenset({expression.text.lower()}))


def _family(text: str, what: str) -> Pattern:
    pattern = Pattern(text=text, folded=True)
    also = frozenset(known.lower() for alias, known in ALIASES.items() if pattern.matches(alias))
    names = licence_names()
    found = also or any(map(pattern.matches, names)) or text.lower().startswith(_REFERENCE)
    if not found and not any(map(pattern.matches, spdx_names())):
        raise _unknown(text, what, "licence with such a name", names)
    return Pattern(text=text, folded=True, also=also)


def _denied(record: Record, key: str, kind: str, known: Callable[[], frozenset[str]]) -> frozenset[str]:
    inside = _inside(record, key)
    if inside is None:
        return frozenset()
    words = frozenset(inside.texts("deny"))
    inside.done()
    for word in sorted(words - known()):
        raise _unknown(word, inside.what, f"{kind} of any licence", sorted(known()))
    return _filled(words, inside, "deny")


@cache
def licence_names() -> tuple[str, ...]:
    """List the names of all licences of which anything is known here.

    Raises:
        Nothing.
    """
    return (*(name for names in FAMILIES.values() for name in names), *pointer_names())


@cache
def _known_duties() -> frozenset[str]:
    listed = frozenset(duty for terms in TEMPLATES for duty in duties_in(terms))
    return listed | {COPYLEFT, NETWORK_COPYLEFT}


@cache
def _known_conditions() -> frozenset[str]:
    return frozenset(condition.id for terms in TEMPLATES for condition in terms.conditions)


def _unknown(word: str, what: str, kind: str, known: Iterable[str]) -> MalformedError:
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:64].lower(), names, n=3, cutoff=0.6)
    offer = f"Did you mean {' or '.join(names[name] for name in near)}? " if near else ""
    some = ", ".join(list(names.values())[:40])
    return MalformedError(f"{what} has {word[:80]!r}, which is no {kind}", hint=f"{offer}There are: {some}.")
