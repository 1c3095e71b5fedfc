"""Dedications to the public domain, as terms: everything is permitted, and nothing is demanded.

Every clause is checked against the texts.

Not promised: patents and trademarks; CC0 says in section 4(a) that it gives neither.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.terms import Terms
from weightmark.licensing.work_kind import WorkKind


def _dedication(name: str, title: str, url: str, where: str, *covers: WorkKind) -> Terms:
    return Terms(
        id=name,
        title=title,
        url=url,
        permissions=EVERYTHING,
        clauses=Citation(name).clauses(where),
        covers=frozenset(covers),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _dedication(
        "CC0-1.0",
        "Creative Commons Zero v1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode.en",
        "sections 2 and 3",
    ),
    _dedication("Unlicense", "The Unlicense", "https://unlicense.org/", "second paragraph (permission)"),
    _dedication(
        "PDDL-1.0",
        "Open Data Commons Public Domain Dedication & License 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
        "section 3",
        WorkKind.DATA,
    ),
)
