"""The GNU licences, as terms; every clause is checked against the texts.

They were written for programs. What is Corresponding Source for weights is not settled; the duties say what
the texts say. "Linking" is read as being used beside: a larger work that only uses an LGPL work stays free.

Not promised: an answer to whether a program that loads weights is a work based on them.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.duty import Duty
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL, Terms

_OUTBOUND: Final = {
    "GPL-2.0-only": ("GPL-2.0-only",),
    "GPL-2.0-or-later": ("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
    "GPL-3.0-only": ("GPL-3.0-only",),
    "GPL-3.0-or-later": ("GPL-3.0-only", "GPL-3.0-or-later"),
    "AGPL-3.0-only": ("AGPL-3.0-only",),
    "AGPL-3.0-or-later": ("AGPL-3.0-only", "AGPL-3.0-or-later"),
    "LGPL-2.1-only": (
        "LGPL-2.1-only",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
    ),
    "LGPL-2.1-or-later": (
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
    ),
    "LGPL-3.0-only": ("LGPL-3.0-only", "GPL-3.0-only"),
    "LGPL-3.0-or-later": ("LGPL-3.0-only", "LGPL-3.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
}
"""What a derived work may carry: the licence, its later versions where it says so, and LGPL's way to GPL."""

_GPL_3_USUAL: Final = "section 2"
_GPL_3_PLACES: Final[dict[str, str]] = {
    Capability.REDISTRIBUTE: "sections 4, 5 and 6",
    Capability.RESELL: "section 4",
    Capability.MERGE: "sections 2 and 5",
    Capability.FINE_TUNE: "sections 2 and 5",
}
_GPL_2_USUAL: Final = "section 0"
_GPL_2_PLACES: Final[dict[str, str]] = {
    Capability.DOWNLOAD_WEIGHTS: "section 1",
    Capability.FINE_TUNE: "section 2",
    Capability.MERGE: "section 2",
    Capability.REDISTRIBUTE: "sections 1, 2 and 3",
    Capability.RESELL: "section 1",
    Capability.SUBLICENSE: "section 4",
    COMMERCIAL: "sections 0 and 1",
}
_LGPL_2_PLACES: Final[dict[str, str]] = {
    **_GPL_2_PLACES,
    Capability.REDISTRIBUTE: "sections 1, 2, 4 and 6",
    Capability.SUBLICENSE: "section 8",
}


def _gpl_3_duties(cite: Citation) -> tuple[Duty, ...]:
    return (
        cite.duty(
            "attribution",
            "section 4",
            "When you convey copies, publish the copyright notice and keep all notices intact.",
        ),
        cite.duty(
            "include-licence",
            "section 4",
            "When you convey copies, give every recipient a copy of the licence.",
        ),
        cite.duty(
            "state-changes",
            "section 5(a)",
            "When you convey a changed version, say prominently that you changed it, and when.",
        ),
        cite.duty(
            "share-alike",
            "section 5(c)",
            "When you convey a work based on it, license the whole work under this licence.",
        ),
        cite.duty(
            "disclose-source",
            "section 6",
            "When you convey it in another form than source, give the Corresponding Source too.",
        ),
        cite.duty(
            "no-further-restrictions",
            "section 10",
            "When you convey it, ask no fee for these rights and add no restriction to them.",
        ),
    )


def _gpl_2_duties(cite: Citation, *, library: bool) -> tuple[Duty, ...]:
    work = "library" if library else "work"
    return (
        cite.duty(
            "attribution",
            "section 1",
            "On every copy that you pass on, publish the copyright notice and keep all notices intact.",
        ),
        cite.duty(
            "include-licence", "section 1", "When you pass it on, give every recipient a copy of the licence."
        ),
        cite.duty(
            "state-changes",
            "section 2(b)" if library else "section 2(a)",
            "Mark changed files prominently: that you changed them, and the date.",
        ),
        cite.duty(
            "share-alike",
            "section 2(c)" if library else "section 2(b)",
            f"When you pass on a {work} based on it, license all of it under this licence at no charge.",
        ),
        cite.duty("disclose-source", "section 4" if library else "section 3"),
        cite.duty("no-further-restrictions", "section 10" if library else "section 6"),
    )


def _allow_exchange(cite: Citation, where: str) -> Duty:
    sentence = "When you pass on a work that uses it, let its users exchange it for their own version."
    return cite.duty("allow-exchange", where, sentence)


def _gnu(  # noqa: PLR0913 - what one GNU licence differs from another in
    *,
    name: str,
    title: str,
    page: str,
    usual: str,
    places: dict[str, str],
    duties: tuple[Duty, ...],
    reach: Reach,
    share: str,
) -> Terms:
    cite = Citation(name)
    return Terms(
        id=name,
        title=title,
        url=f"https://www.gnu.org/licenses/{page}",
        permissions=EVERYTHING - {Capability.SUBLICENSE},
        prohibitions=frozenset({Capability.SUBLICENSE}),
        duties=duties,
        clauses=cite.clauses(usual, places),
        share_alike=cite.sharing(reach, share, *_OUTBOUND[name], network=name.startswith("AGPL")),
    )


def _versions(name: str, title: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name}-only", f"{title} only"), (f"{name}-or-later", f"{title} or later")


def _gpl_2() -> tuple[Terms, ...]:
    return tuple(
        _gnu(
            name=name,
            title=title,
            page="old-licenses/gpl-2.0.html",
            usual=_GPL_2_USUAL,
            places=_GPL_2_PLACES,
            duties=_gpl_2_duties(Citation(name), library=False),
            reach=Reach.COMBINED,
            share="section 2(b)",
        )
        for name, title in _versions("GPL-2.0", "GNU General Public License v2.0")
    )


def _gpl_3() -> tuple[Terms, ...]:
    return tuple(
        _gnu(
            name=name,
            title=title,
            page="gpl-3.0.html",
            usual=_GPL_3_USUAL,
            places=_GPL_3_PLACES,
            duties=_gpl_3_duties(Citation(name)),
            reach=Reach.COMBINED,
            share="section 5(c)",
        )
        for name, title in _versions("GPL-3.0", "GNU General Public License v3.0")
    )


def _agpl_3() -> tuple[Terms, ...]:
    sentence = "When users reach your changed version over a network, offer them its Corresponding Source."
    return tuple(
        _gnu(
            name=name,
            title=title,
            page="agpl-3.0.html",
            usual=_GPL_3_USUAL,
            places=_GPL_3_PLACES,
            duties=(
                *_gpl_3_duties(Citation(name)),
                Citation(name).duty("network-source", "section 13", sentence),
            ),
            reach=Reach.COMBINED,
            share="sections 5(c) and 13",
        )
        for name, title in _versions("AGPL-3.0", "GNU Affero General Public License v3.0")
    )


def _lgpl_2() -> tuple[Terms, ...]:
    return tuple(
        _gnu(
            name=name,
            title=title,
            page="old-licenses/lgpl-2.1.html",
            usual=_GPL_2_USUAL,
            places=_LGPL_2_PLACES,
            duties=(
                *_gpl_2_duties(Citation(name), library=True),
                _allow_exchange(Citation(name), "section 6"),
            ),
            reach=Reach.DERIVATIVE,
            share="section 2(c)",
        )
        for name, title in _versions("LGPL-2.1", "GNU Lesser General Public License v2.1")
    )


def _lgpl_3() -> tuple[Terms, ...]:
    changing, opening = (
        "section 2 (with GPL-3.0 sections 2 and 5)",
        "opening sentence (with GPL-3.0 section 4)",
    )
    places: dict[str, str] = {
        Capability.REDISTRIBUTE: "sections 2, 3 and 4 (with GPL-3.0 sections 4, 5 and 6)",
        Capability.RESELL: opening,
        Capability.MERGE: changing,
        Capability.FINE_TUNE: changing,
    }
    usual = "opening sentence (with GPL-3.0 section 2)"
    return tuple(
        _gnu(
            name=name,
            title=title,
            page="lgpl-3.0.html",
            usual=usual,
            places=places,
            duties=(
                *(
                    Duty(
                        id=duty.id,
                        sentence=duty.sentence,
                        clause=f"{name} opening sentence (with GPL-3.0 {duty.clause.partition(' ')[2]})",
                    )
                    for duty in _gpl_3_duties(Citation(name))
                ),
                _allow_exchange(Citation(name), "section 4"),
            ),
            reach=Reach.DERIVATIVE,
            share="section 2",
        )
        for name, title in _versions("LGPL-3.0", "GNU Lesser General Public License v3.0")
    )


TERMS: Final[tuple[Terms, ...]] = (*_gpl_2(), *_gpl_3(), *_agpl_3(), *_lgpl_2(), *_lgpl_3())
