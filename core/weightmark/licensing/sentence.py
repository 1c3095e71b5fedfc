"""Sentences: names of strangers made safe to print, and the way out that most refusals share.

Not promised: beauty. A name with control characters is written with escapes.
"""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from weightmark.licensing.action import Action
from weightmark.licensing.request import Request
from weightmark.licensing.work import Work

LONGEST_NAME = 120
"""Characters of a name that are shown."""
_LONGEST_NUMBER = 1 << 63
_MOST_NAMES = 64


def show(name: str) -> str:
    r"""Make a name safe to print.

    Args:
        name: any text.

    Returns:
        At most 120 characters of it and a mark that it was cut; printable on one line.

    Raises:
        Nothing.

    >>> show("a" + chr(27) + "[2J")
    'a\\x1b[2J'
    """
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}..."
    return name if name.isprintable() else ascii(name)[1:-1]


def count(units: int) -> str:
    """Write a number, however large.

    Raises:
        Nothing.

    >>> count(10), count(10**400)
    ('10', 'more than 2^63')
    """
    if abs(units) < _LONGEST_NUMBER:
        return str(units)
    return "more than 2^63" if units > 0 else "less than -2^63"


def offer_nearest(name: str, known: Iterable[str]) -> str:
    """Ask whether another name was meant.

    Args:
        name: what was typed.
        known: the names there are; the first 64 of them in order are looked at.

    Returns:
        A question; empty when none looks like it.

    Raises:
        Nothing.

    >>> offer_nearest("medical-advise", {"medical-advice", "crime"})
    'Did you mean medical-advice?'
    """
    names = sorted(known)[:_MOST_NAMES]
    near = get_close_matches(name[:LONGEST_NAME], [each[:LONGEST_NAME] for each in names], n=3)
    return f"Did you mean {' or '.join(map(show, near))}?" if near else ""


def name_purposes(known: Iterable[str], asked: str) -> str:
    """Say what something is for, against what was asked.

    Raises:
        Nothing.

    >>> name_purposes({"research"}, "")
    'research only, and no purpose was stated'
    """
    only = " or ".join(map(show, sorted(known)))
    return f"{only} only, {f'not for {show(asked)}' if asked else 'and no purpose was stated'}"


def ask_for_grant(work: Work, request: Request) -> str:
    """Say whom to ask for a grant, and what they would type.

    Raises:
        Nothing.
    """
    if work.presumed and work.owner == request.party.name:
        return _ask_whose(work.name, work.license or "LICENCE")
    return _ask(work.owner, work.name, request.party.name, request.action)


@lru_cache(maxsize=1024)
def _ask_whose(model: str, license_: str) -> str:
    words = shlex.join((show(model), show(license_)))
    return (
        "Nobody has said whose it is, so its licence binds you too. If it is yours, say so:"
        f" `weightmark license set {words}`; if not, let its owner register it and ask them for a grant."
    )


@lru_cache(maxsize=1024)
def _ask(owner: str, model: str, party: str, action: Action) -> str:
    whom = show(owner) if owner else "the owner"
    words = shlex.join((show(model), "--to", show(party), "--for", action.value))
    return f"Ask {whom} for a grant: `weightmark grant {words}`."
