"""Licences whose demand stays with the changed files: MPL-2.0, EPL-2.0 and MS-PL, as terms.

Every clause is checked against the texts.

Not promised: what a "file" of a model is. Changed weights are read as a changed file.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import Terms


def _mpl() -> Terms:
    cite = Citation("MPL-2.0")
    return Terms(
        id="MPL-2.0",
        title="Mozilla Public License 2.0",
        url="https://www.mozilla.org/MPL/2.0/",
        permissions=EVERYTHING,
        duties=(
            cite.duty(
                "share-alike",
                "section 3.1",
                "When you pass on the source of it or of changed files, pass it on under this licence.",
            ),
            cite.duty(
                "include-licence",
                "section 3.1",
                "When you pass on the source, say that it is under this licence and where to get a copy.",
            ),
            cite.duty(
                "disclose-source",
                "section 3.2(a)",
                "When you pass it on in executable form, make the source available too; say how to get it.",
            ),
            cite.duty("attribution", "section 3.4", "Do not remove or change its licence notices."),
        ),
        clauses=cite.clauses(
            "section 2.1",
            {
                Capability.REDISTRIBUTE: "sections 2.1, 3.1 and 3.2",
                Capability.RESELL: "sections 2.1 and 3.2",
                Capability.SUBLICENSE: "section 3.2(b)",
                Capability.MERGE: "sections 2.1 and 3.3",
            },
        ),
        share_alike=cite.sharing(
            Reach.FILE,
            "sections 3.1 and 3.3",
            "MPL-2.0",
            "GPL-2.0-only",
            "GPL-2.0-or-later",
            "GPL-3.0-only",
            "GPL-3.0-or-later",
            "LGPL-2.1-only",
            "LGPL-2.1-or-later",
            "LGPL-3.0-only",
            "LGPL-3.0-or-later",
            "AGPL-3.0-only",
            "AGPL-3.0-or-later",
        ),
    )


def _epl() -> Terms:
    cite = Citation("EPL-2.0")
    return Terms(
        id="EPL-2.0",
        title="Eclipse Public License 2.0",
        url="https://www.eclipse.org/legal/epl-2.0/",
        permissions=EVERYTHING,
        duties=(
            cite.duty(
                "disclose-source",
                "section 3.1(a)",
                "When you pass it on in any form, make its source available too, and say how to get it.",
            ),
            cite.duty(
                "share-alike",
                "section 3.2(a)",
                "When you pass on its source or that of modified works, pass it on under this licence.",
            ),
            cite.duty(
                "include-licence", "section 3.2(b)", "Put a copy of the licence with each copy of the source."
            ),
            cite.duty("attribution", "section 3.3", "Do not remove or change its notices."),
            cite.duty(
                "indemnify",
                "section 4",
                "When you pass it on commercially, defend the others who contributed against claims from it.",
            ),
        ),
        clauses=cite.clauses(
            "section 2(a)",
            {Capability.REDISTRIBUTE: "sections 2(a) and 3", Capability.RESELL: "sections 2(a) and 4"},
        ),
        share_alike=cite.sharing(Reach.FILE, "section 3.2(a)", "EPL-2.0"),
    )


def _ms_pl() -> Terms:
    cite = Citation("MS-PL")
    return Terms(
        id="MS-PL",
        title="Microsoft Public License",
        url="https://spdx.org/licenses/MS-PL.html",
        permissions=EVERYTHING - {Capability.SUBLICENSE},
        duties=(
            cite.duty("attribution", "section 3(C)"),
            cite.duty(
                "share-alike",
                "section 3(D)",
                "When you pass on its source, pass it on under this licence alone, with a copy of it.",
            ),
        ),
        clauses=cite.clauses(
            "section 2(A)", {Capability.REDISTRIBUTE: "sections 2(A) and 3", Capability.RESELL: "section 2"}
        ),
        share_alike=cite.sharing(Reach.FILE, "section 3(D)", "MS-PL"),
    )


TERMS: Final[tuple[Terms, ...]] = (_mpl(), _epl(), _ms_pl())
