"""The six Creative Commons licences of version 4.0, as terms; every clause is checked against the texts.

The ND licences let you adapt in private (section 2(a)(1)(B): "produce and reproduce, but not Share"), so
deriving is permitted, and the duty to keep it private comes with the answer.

Not promised: whether training makes Adapted Material. Where copyright does not reach, neither do these.
"""

from typing import Final

from weightmark.licensing.capability import DERIVES, EVERYTHING, Capability
from weightmark.licensing.duty import PRIVATE_ONLY, Duty
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL, Terms

_COMPATIBLE: Final = {"CC-BY-SA-4.0": ("CC-BY-SA-4.0", "GPL-3.0-only", "LAL-1.3")}
"""What an adaptation may carry: the licence itself, and those that Creative Commons declared compatible."""

_NON_COMMERCIAL: Final = {"BY-NC": "i", "BY-NC-SA": "k", "BY-NC-ND": "h"}
"""The paragraph of section 1 that says what NonCommercial means."""


def _duties(cite: Citation, *, adapts: bool, shares_alike: bool) -> tuple[Duty, ...]:
    duties = [
        cite.duty(
            "attribution",
            "section 3(a)(1)(A)",
            "When you share the model, name its creators, keep its notices and link to it.",
        ),
        cite.duty(
            "state-changes",
            "section 3(a)(1)(B)",
            "When you share the model, say if you changed it; keep word of earlier changes.",
        ),
        cite.duty(
            "include-licence",
            "section 3(a)(1)(C)",
            "When you share the model, say that it is under this licence; give its text or a link.",
        ),
        cite.duty(
            "no-further-restrictions",
            "section 2(a)(5)(B)" if not shares_alike else "section 2(a)(5)(C)",
            "When you share the model, add no terms or measures that restrict these rights.",
        ),
    ]
    if not adapts:
        sentence = "Do not share what you adapted from the model."
        duties.append(cite.duty(PRIVATE_ONLY, "sections 2(a)(1)(B) and 3(a)(1)", sentence))
    if shares_alike:
        sentence = "When you share what you adapted from the model, put it under the same licence."
        duties.append(cite.duty("share-alike", "section 3(b)(1)", sentence))
    return tuple(duties)


def _license(elements: str, title: str) -> Terms:
    name = f"CC-{elements}-4.0"
    cite = Citation(name)
    commercial, adapts = "NC" not in elements, "ND" not in elements
    shares_alike = "SA" in elements
    forbidden = {Capability.SUBLICENSE} if commercial else {Capability.SUBLICENSE, Capability.RESELL}
    places = dict.fromkeys(map(str, DERIVES), "section 2(a)(1)(B)")
    places |= {Capability.SUBLICENSE: "section 2(a)(1)", COMMERCIAL: "section 2(a)(1)"}
    if not commercial:
        places[Capability.RESELL] = f"sections 1({_NON_COMMERCIAL[elements]}) and 2(a)(1)"
    return Terms(
        id=name,
        title=f"Creative Commons {title} 4.0 International",
        url=f"https://creativecommons.org/licenses/{elements.lower()}/4.0/legalcode.en",
        permissions=EVERYTHING - forbidden,
        prohibitions=frozenset(forbidden),
        commercial=commercial,
        duties=_duties(cite, adapts=adapts, shares_alike=shares_alike),
        clauses=cite.clauses("section 2(a)(1)(A)", places),
        share_alike=(
            cite.sharing(Reach.DERIVATIVE, "section 3(b)(1)", *_COMPATIBLE.get(name, (name,)))
            if shares_alike
            else None
        ),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _license("BY", "Attribution"),
    _license("BY-SA", "Attribution-ShareAlike"),
    _license("BY-NC", "Attribution-NonCommercial"),
    _license("BY-ND", "Attribution-NoDerivatives"),
    _license("BY-NC-SA", "Attribution-NonCommercial-ShareAlike"),
    _license("BY-NC-ND", "Attribution-NonCommercial-NoDerivatives"),
)
