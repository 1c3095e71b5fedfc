"""GPL-3.0, as terms.

Not promised: what is a model's Corresponding Source, or whether weights are a covered work. Lawyers differ.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.duty import Clause, Duty
from weightmark.licensing.terms import COMMERCIAL, Terms


def _gpl_3(identifier: str, title: str) -> Terms:
    places = dict.fromkeys((*Capability, COMMERCIAL), "section 2") | {
        Capability.REDISTRIBUTE: "sections 4, 5 and 6",
        Capability.RESELL: "section 4",
        Capability.MERGE: "sections 2 and 5",
        Capability.FINE_TUNE: "sections 2 and 5",
    }
    return Terms(
        id=identifier,
        title=title,
        url="https://www.gnu.org/licenses/gpl-3.0.html",
        permissions=EVERYTHING - {Capability.SUBLICENSE},
        prohibitions=frozenset({Capability.SUBLICENSE}),
        duties=(
            Duty(
                id="attribution",
                sentence="When you convey copies, publish the copyright notice and keep all notices intact.",
                clause=f"{identifier} section 4",
            ),
            Duty(
                id="include-licence",
                sentence="When you convey copies, give every recipient a copy of the licence.",
                clause=f"{identifier} section 4",
            ),
            Duty(
                id="state-changes",
                sentence="When you convey a changed version, say prominently that you changed it, and when.",
                clause=f"{identifier} section 5(a)",
            ),
            Duty(
                id="share-alike",
                sentence="When you convey a work based on it, license the whole work under this licence.",
                clause=f"{identifier} section 5(c)",
            ),
            Duty(
                id="disclose-source",
                sentence="When you convey it in another form than source, give the Corresponding Source too.",
                clause=f"{identifier} section 6",
            ),
            Duty(
                id="no-further-restrictions",
                sentence="When you convey it, ask no fee for these rights and add no restriction to them.",
                clause=f"{identifier} section 10",
            ),
        ),
        clauses=tuple(
            Clause(topic=str(topic), place=f"{identifier} {place}") for topic, place in places.items()
        ),
    )


GPL_3_0_ONLY: Final = _gpl_3("GPL-3.0-only", "GNU General Public License v3.0 only")
GPL_3_0_OR_LATER: Final = _gpl_3("GPL-3.0-or-later", "GNU General Public License v3.0 or later")
