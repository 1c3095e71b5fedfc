"""CC-BY-4.0 and CC-BY-NC-4.0, as terms.

Not promised: whether training makes Adapted Material. Where copyright does not reach, neither do these.
"""

from typing import Final

from weightmark.licensing.capability import DERIVES, EVERYTHING, Capability
from weightmark.licensing.duty import Clause, Duty
from weightmark.licensing.terms import COMMERCIAL, Terms


def _duties(identifier: str) -> tuple[Duty, ...]:
    return (
        Duty(
            id="attribution",
            sentence="When you share the model, name its creators, keep its notices and link to it.",
            clause=f"{identifier} section 3(a)(1)(A)",
        ),
        Duty(
            id="state-changes",
            sentence="When you share the model, say if you changed it; keep word of earlier changes.",
            clause=f"{identifier} section 3(a)(1)(B)",
        ),
        Duty(
            id="include-licence",
            sentence="When you share the model, say that it is under this licence; give its text or a link.",
            clause=f"{identifier} section 3(a)(1)(C)",
        ),
        Duty(
            id="no-further-restrictions",
            sentence="When you share the model, add no terms or measures that restrict these rights.",
            clause=f"{identifier} section 2(a)(5)(B)",
        ),
    )


def _clauses(identifier: str, exceptions: dict[str, str]) -> tuple[Clause, ...]:
    places = {str(capability): "section 2(a)(1)(A)" for capability in Capability}
    places |= {str(capability): "section 2(a)(1)(B)" for capability in DERIVES}
    places |= {str(Capability.SUBLICENSE): "section 2(a)(1)", COMMERCIAL: "section 2(a)(1)"} | exceptions
    return tuple(Clause(topic=topic, place=f"{identifier} {place}") for topic, place in places.items())


CC_BY_4_0: Final = Terms(
    id="CC-BY-4.0",
    title="Creative Commons Attribution 4.0 International",
    url="https://creativecommons.org/licenses/by/4.0/legalcode.en",
    permissions=EVERYTHING - {Capability.SUBLICENSE},
    prohibitions=frozenset({Capability.SUBLICENSE}),
    duties=_duties("CC-BY-4.0"),
    clauses=_clauses("CC-BY-4.0", {}),
)

CC_BY_NC_4_0: Final = Terms(
    id="CC-BY-NC-4.0",
    title="Creative Commons Attribution-NonCommercial 4.0 International",
    url="https://creativecommons.org/licenses/by-nc/4.0/legalcode.en",
    permissions=EVERYTHING - {Capability.SUBLICENSE, Capability.RESELL},
    prohibitions=frozenset({Capability.SUBLICENSE, Capability.RESELL}),
    commercial=False,
    duties=_duties("CC-BY-NC-4.0"),
    clauses=_clauses("CC-BY-NC-4.0", {str(Capability.RESELL): "sections 1(i) and 2(a)(1)"}),
)
