"""Templates: the licences for which Weightmark has rules, and the names under which people write them.

Not promised: all licences. What is not here is unknown, and the unknown is never allowed by itself.
"""

import difflib
from typing import Final

from weightmark.licensing.family.copyleft import GPL_3_0_ONLY, GPL_3_0_OR_LATER
from weightmark.licensing.family.creative_commons import CC_BY_4_0, CC_BY_NC_4_0
from weightmark.licensing.family.permissive import APACHE_2_0, MIT
from weightmark.licensing.family.proprietary import PROPRIETARY
from weightmark.licensing.family.responsible import OPENRAIL_M
from weightmark.licensing.terms import Terms

TEMPLATES: Final[tuple[Terms, ...]] = (
    MIT,
    APACHE_2_0,
    GPL_3_0_ONLY,
    GPL_3_0_OR_LATER,
    CC_BY_4_0,
    CC_BY_NC_4_0,
    OPENRAIL_M,
    PROPRIETARY,
)

ALIASES: Final[dict[str, Terms]] = {
    "gpl-3.0": GPL_3_0_ONLY,
    "gpl-3.0+": GPL_3_0_OR_LATER,
    "openrail": OPENRAIL_M,
    "openrail-m": OPENRAIL_M,
    "creativeml-openrail-m": OPENRAIL_M,
    "bigscience-openrail-m": OPENRAIL_M,
    "proprietary": PROPRIETARY,
    "all-rights-reserved": PROPRIETARY,
    "all rights reserved": PROPRIETARY,
}
"""Other spellings, in lower case: those of model hubs, and old SPDX identifiers."""

_BY_NAME: Final = {terms.id.lower(): terms for terms in TEMPLATES} | ALIASES


def find_template(name: str) -> Terms | None:
    """Find the terms of a licence by its name.

    Args:
        name: an SPDX identifier or a hub's spelling; upper and lower case do not matter.

    Returns:
        The terms, or None when there are no rules for it.

    Raises:
        Nothing.

    >>> find_template("apache-2.0").id
    'Apache-2.0'
    """
    return _BY_NAME.get(name.strip().lower())


def nearest_names(name: str) -> tuple[str, ...]:
    """Offer the names that look most like one that was not found.

    Args:
        name: any text; only its first 64 characters are looked at.

    Returns:
        At most three identifiers, the nearest first; empty when none is near.

    Raises:
        Nothing.

    >>> nearest_names("apache2.0")
    ('Apache-2.0',)
    """
    close = difflib.get_close_matches(name[:64].strip().lower(), _BY_NAME, n=5, cutoff=0.7)
    return tuple(dict.fromkeys(_BY_NAME[spelling].id for spelling in close))[:3]
