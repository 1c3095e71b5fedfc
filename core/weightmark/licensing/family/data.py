"""Licences of data, as terms: CDLA, C-UDA, ODC-By, ODbL, Etalab.

Three of them say in so many words that what is computed from the data, such as a model, is free: CDLA calls
it Results, C-UDA too, and for ODbL and ODC-By it is a Produced Work, of which only a notice is asked. Every
clause is checked against the texts.

Not promised: rights in the single items of a database; ODbL and ODC-By leave them out (section 2.4).
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import Terms
from weightmark.licensing.work_kind import WorkKind

_DATA: Final = frozenset({WorkKind.DATA})
_NO_SUBLICENSE: Final = frozenset({Capability.SUBLICENSE})


def _cdla_permissive_2() -> Terms:
    cite = Citation("CDLA-Permissive-2.0")
    return Terms(
        id="CDLA-Permissive-2.0",
        title="Community Data License Agreement Permissive 2.0",
        url="https://cdla.dev/permissive-2-0/",
        permissions=EVERYTHING - _NO_SUBLICENSE,
        duties=(
            cite.duty("include-licence", "section 2.1", "When you share the data, give this text with it."),
        ),
        clauses=cite.clauses(
            "section 1.1",
            {Capability.REDISTRIBUTE: "sections 1.1 and 2.1", Capability.DISTILL: "section 3.1"},
        ),
        covers=_DATA,
    )


def _cdla_1(kind: str, url: str) -> Terms:
    name = f"CDLA-{kind}-1.0"
    cite = Citation(name)
    sharing = kind == "Sharing"
    duties = [
        cite.duty(
            "include-licence",
            "section 3.3" if sharing else "section 3.1(a)",
            "When you publish the data, give this text, its name or a link to it.",
        ),
        cite.duty("state-changes", "section 3.1(b)"),
        cite.duty(
            "attribution", "section 3.1(c)", "When you publish the data, keep the credit to its providers."
        ),
    ]
    if sharing:
        sentence = "Publish the data, and what you added or changed in it, under this agreement."
        duties.append(cite.duty("share-alike", "section 3.1(a)", sentence))
        duties.append(cite.duty("no-further-restrictions", "sections 3.2 and 3.3"))
    free = "section 3.5" if sharing else "section 3.4"
    return Terms(
        id=name,
        title=f"Community Data License Agreement {kind} 1.0",
        url=url,
        permissions=EVERYTHING - (_NO_SUBLICENSE if sharing else frozenset()),
        prohibitions=_NO_SUBLICENSE if sharing else frozenset(),
        duties=tuple(duties),
        clauses=cite.clauses(
            "section 2.1(a)",
            {
                Capability.REDISTRIBUTE: "sections 2.1(b) and 3.1",
                Capability.RESELL: "sections 2.1(b) and 3.1",
                Capability.SUBLICENSE: "section 3.3" if sharing else "section 3.1(a)",
                Capability.DISTILL: free,
            },
        ),
        share_alike=(
            cite.sharing(Reach.DERIVATIVE, "section 3.1(a)", name, network=True) if sharing else None
        ),
        covers=_DATA,
    )


def _c_uda() -> Terms:
    cite = Citation("C-UDA-1.0")
    return Terms(
        id="C-UDA-1.0",
        title="Computational Use of Data Agreement v1.0",
        url="https://github.com/microsoft/Computational-Use-of-Data-Agreement/blob/master/C-UDA-1.0.md",
        permissions=EVERYTHING - _NO_SUBLICENSE,
        duties=(
            cite.duty(
                "attribution",
                "section 3.1.1",
                "When you pass on the data, keep all credit that came with it; demand the same of others.",
            ),
            cite.duty(
                "share-alike",
                "section 3.1.2",
                "Bind everybody to whom you pass on the data to this agreement.",
            ),
        ),
        use_restrictions=cite.restrictions(
            (("non-computational-use", "No other use than analysis by a computer.", "section 2.1"),)
        ),
        clauses=cite.clauses(
            "section 1.1",
            {Capability.REDISTRIBUTE: "sections 1.1 and 3.1", Capability.DISTILL: "section 2.2"},
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 3.1.2", "C-UDA-1.0"),
        covers=_DATA,
    )


def _odc(name: str, title: str, url: str, *, share_alike: bool) -> Terms:
    cite = Citation(name)
    sublicense = "section 4.8" if share_alike else "section 4.4"
    duties = [
        cite.duty(
            "include-licence",
            "section 4.2(b)",
            "When you convey the database or a derivative of it, give a copy of this licence or its address.",
        ),
        cite.duty("attribution", "section 4.2(c)", "Keep the notices of rights and those of this licence."),
        cite.duty(
            "produced-work-notice",
            "section 4.3",
            "When you publicly use what was made from the database, say that its content came from it.",
        ),
        cite.duty("no-further-restrictions", sublicense),
    ]
    if share_alike:
        alike = "Put a derivative database that you publicly use under this licence or a compatible one."
        source = "Offer the derivative database, or the changes, in a form that machines read."
        duties.append(cite.duty("share-alike", "section 4.4(a)", alike))
        duties.append(cite.duty("disclose-source", "section 4.6", source))
        demand = cite.sharing(Reach.DERIVATIVE, "sections 4.4 and 4.5", name, network=True)
    else:
        where = "When you convey the database or a derivative of it, do so only under this licence."
        duties.append(cite.duty("share-alike", "section 4.2(a)", where))
        demand = cite.sharing(Reach.DERIVATIVE, "section 4.2(a)", name)
    return Terms(
        id=name,
        title=title,
        url=url,
        permissions=EVERYTHING - _NO_SUBLICENSE,
        prohibitions=_NO_SUBLICENSE,
        duties=tuple(duties),
        clauses=cite.clauses(
            "section 3.1",
            {
                Capability.REDISTRIBUTE: "sections 3.1(e) and 4.2",
                Capability.FINE_TUNE: "section 3.1(b)",
                Capability.MERGE: "section 3.1(b) and (c)",
                Capability.SUBLICENSE: sublicense,
            },
        ),
        share_alike=demand,
        covers=_DATA,
    )


def _etalab() -> Terms:
    cite = Citation("etalab-2.0")
    return Terms(
        id="etalab-2.0",
        title="Etalab Open License 2.0",
        url="https://github.com/etalab/licence-ouverte/blob/master/open-licence.md",
        permissions=EVERYTHING - _NO_SUBLICENSE,
        duties=(
            cite.duty(
                "attribution",
                "paragraph on acknowledgement of authorship",
                "Name the source, at least its grantor, and the day of its last update.",
            ),
        ),
        clauses=cite.clauses("paragraph on the freedom to reuse"),
        covers=_DATA,
        law="France",
    )


TERMS: Final[tuple[Terms, ...]] = (
    _cdla_permissive_2(),
    _cdla_1("Permissive", "https://cdla.dev/permissive-1-0/"),
    _cdla_1("Sharing", "https://cdla.dev/sharing-1-0/"),
    _c_uda(),
    _odc(
        "ODC-By-1.0",
        "Open Data Commons Attribution License v1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        share_alike=False,
    ),
    _odc(
        "ODbL-1.0",
        "Open Data Commons Open Database License v1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        share_alike=True,
    ),
    _etalab(),
)
