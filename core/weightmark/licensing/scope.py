"""Scopes: what a person writes after ``--for``, read as capabilities.

Not promised: wishes. Only names of actions, capabilities and tiers are understood.
"""

import difflib

from weightmark.licensing.action import Action
from weightmark.licensing.capability import Capability
from weightmark.licensing.tier import Tier


def parse_scope(text: str) -> frozenset[Capability]:
    """Read what a grant is for.

    A name that is a capability and a tier (``fine-tune``) is the tier, which holds the capability.

    Args:
        text: names of actions, capabilities or tiers, with commas between them.

    Returns:
        All capabilities they take together; never empty.

    Raises:
        ValueError: a name is none of the three, or it takes no permission.

    >>> sorted(parse_scope("deploy, push"))
    [<Capability.INFER: 'infer'>, <Capability.REDISTRIBUTE: 'redistribute'>]
    """
    found: set[Capability] = set()
    for word in (part.strip().lower() for part in text.split(",")):
        if word in tuple(Tier):
            found |= Tier(word).capabilities
        elif word in tuple(Action):
            found |= Action(word).needs
        else:
            raise ValueError(f"{word[:40]!r} is no action, capability or tier{_nearest(word)}")
    if not found:
        raise ValueError(f"{text[:40]!r} needs no permission, so there is nothing to grant")
    return frozenset(found)


def _nearest(word: str) -> str:
    close = difflib.get_close_matches(word[:40], [*Action, *Tier], n=3)
    return f"; did you mean {' or '.join(dict.fromkeys(map(str, close)))}?" if close else ""
