"""Sentences: names of strangers made safe to print, and the way out that most refusals share.

Not promised: beauty. A name with control characters is written with escapes.
"""

import shlex
from functools import lru_cache

from weightmark.licensing.action import Action
from weightmark.licensing.request import Request
from weightmark.licensing.work import Work

LONGEST_NAME = 120
"""Characters of a name that are shown."""


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
