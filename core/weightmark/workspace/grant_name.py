"""Names of grants as people type them: the whole id, or as much of its beginning as names one grant alone."""

import re

from weightmark.encoding import Digest, is_digest
from weightmark.errors import UnknownGrantError
from weightmark.workspace.resource import Resources

FEWEST_DIGITS = 8
"""Fewer digits than these name no grant, however few grants there are."""

_FORM = re.compile(rf"(?:sha256:)?([0-9a-f]{{{FEWEST_DIGITS},64}})…?\Z")
_SEE = "See the ids with `weightmark grants list MODEL`, or with `weightmark history MODEL`."


def is_grant_name(text: str) -> bool:
    """Say whether a text may name a grant: an id, or 8 hex digits or more that one begins with.

    An ellipsis at the end is passed over, for ids that a narrow table cut short.

    Raises:
        Nothing.
    """
    return is_digest(text) or _FORM.match(text) is not None


def name_grant(resources: Resources, text: str) -> Digest:
    """Give the id of the grant that a text names.

    Args:
        resources: whose ledger.
        text: a whole id, or its first hex digits, at least 8, with or without ``sha256:``.

    Returns:
        The id. A whole one is given back as it is, whether the ledger has such a grant or not.

    Raises:
        UnknownGrantError: no grant's id begins so, or more than one's does.
        LedgerError: the ledger or the index cannot be read.
    """
    if is_digest(text):
        return Digest(text)
    found = _FORM.match(text)
    if found is None:
        raise UnknownGrantError(f"{text[:80]!r} is no grant's id", hint=_SEE)
    resources.catch_up()
    ids = resources.index.grants_from(Digest(f"sha256:{found[1]}"))
    if not ids:
        raise UnknownGrantError(f"the ledger has no grant whose id begins with {found[1]}", hint=_SEE)
    if len(ids) > 1:
        raise UnknownGrantError(
            f"more than one grant's id begins with {found[1]}: {', '.join(ids)}",
            hint="Give more of its digits.",
        )
    return ids[0]
