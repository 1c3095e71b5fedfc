"""The Llama Community Licences 2 to 4, as terms.

A derivative may carry terms of its own, but what is Meta's in it stays under the agreement, a copy of which
and the acceptable use policy go with it. The purposes are those of the policies of Llama 3 and 4; that of
Llama 2 was not at hand, so only its duty is here. The policies of 3.1 to 3.3 are read as that of Llama 4.
Every place that is cited was looked up in the agreements of 2, 3.1 to 3.3 and 4, and in the policy of 4.

Not promised: the policies' own words, which Meta may change.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.duty import Condition, Duty
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import Terms

_POLICY: Final = (
    *cited("Acceptable Use Policy 1.a", "terrorism", "harm-to-minors", "human-trafficking", "sexual-content"),
    *cited("Acceptable Use Policy 1.a", "unlawful-use"),
    *cited("Acceptable Use Policy 1.b", "harassment"),
    *cited("Acceptable Use Policy 1.c", "discrimination"),
    *cited("Acceptable Use Policy 1.d", "unlicensed-practice"),
    *cited("Acceptable Use Policy 1.e", "sensitive-personal-data"),
    *cited("Acceptable Use Policy 1.f", "infringement"),
    *cited("Acceptable Use Policy 1.g", "malware"),
    *cited("Acceptable Use Policy 2.a", "military"),
    *cited("Acceptable Use Policy 2.b", "weapons"),
    *cited("Acceptable Use Policy 2.c", "illegal-drugs"),
    *cited("Acceptable Use Policy 2.d", "critical-infrastructure"),
    *cited("Acceptable Use Policy 2.e", "self-harm"),
    *cited("Acceptable Use Policy 2.f", "violence"),
    *cited("Acceptable Use Policy 3.a", "fraud"),
    *cited("Acceptable Use Policy 3.b", "defamation"),
    *cited("Acceptable Use Policy 3.c", "spam"),
    *cited("Acceptable Use Policy 3.d", "impersonation"),
    *cited("Acceptable Use Policy 3.e", "human-claim"),
    *cited("Acceptable Use Policy 3.f", "false-engagement"),
)
_DANGERS: Final = {"3": "Acceptable Use Policy 3.g"}
_NO_OTHER_MODEL: Final = frozenset({"2", "3"})
"""The versions whose outputs may improve no other large language model."""
_NOT_FOR_EUROPE: Final = frozenset({"3.2", "4"})
"""The versions whose multimodal models are not licensed to those who live in the European Union."""


def _duties(cite: Citation, version: str) -> tuple[Duty, ...]:
    duties = [
        cite.duty(
            "include-licence",
            "section 1.b.i",
            "When you make it or a derivative of it available to others, give them a copy of the agreement.",
        ),
        cite.duty("notice-file", "section 1.b.iii"),
        cite.duty(
            "observe-use-restrictions",
            "section 1.b.iv",
            "Keep to the Acceptable Use Policy and to the law; let nobody else use it against them.",
        ),
    ]
    if version == "2":
        return tuple(duties)
    shown, begun = ("Built with Meta Llama 3", "Llama 3") if version == "3" else ("Built with Llama", "Llama")
    what = "it" if version == "3" else "it or its outputs"
    return (
        *duties,
        cite.duty(
            "display-name",
            "section 1.b.i(B)",
            f'When you make it, or a product that holds it, available, show "{shown}" prominently.',
        ),
        cite.duty(
            "name-prefix",
            "section 1.b.i",
            f'When you pass on a model made or improved with {what}, begin its name with "{begun}".',
        ),
    )


def _conditions(cite: Citation, version: str) -> tuple[Condition, ...]:
    users = cite.condition(
        "large-user",
        "section 2",
        "You had at most 700 million monthly active users, with affiliates, in the month before its release;"
        " otherwise ask Meta for a licence.",
    )
    if version not in _NOT_FOR_EUROPE:
        return (users,)
    europe = cite.condition(
        "eu-multimodal",
        "Acceptable Use Policy last paragraph",
        "For its multimodal models, you neither live in the European Union nor have your principal place of"
        " business there; users of a product are not meant.",
    )
    return (users, europe)


def _license(version: str, title: str, url: str) -> Terms:
    cite = Citation(f"Llama-{version}")
    closed = version in _NO_OTHER_MODEL
    distill = frozenset({Capability.DISTILL}) if closed else frozenset[Capability]()
    policy = () if version == "2" else _POLICY
    if policy:
        policy = (*policy, *cited(_DANGERS.get(version, "Acceptable Use Policy 4"), "undisclosed-dangers"))
    if version not in {"2", "3"}:
        policy = (*policy, *cited("Acceptable Use Policy 1.h", "circumvention"))
    if closed:
        policy = (*policy, *cited("section 1.b.v", "improve-other-model"))
    return Terms(
        id=f"LicenseRef-Llama-{version}",
        title=title,
        url=url,
        permissions=EVERYTHING - {Capability.SUBLICENSE} - distill,
        prohibitions=distill,
        duties=_duties(cite, version),
        use_restrictions=cite.restrictions(policy),
        conditions=_conditions(cite, version),
        clauses=cite.clauses(
            "section 1.a",
            {
                Capability.REDISTRIBUTE: "sections 1.a and 1.b",
                Capability.RESELL: "sections 1.a and 2",
                Capability.DISTILL: "section 1.b.v" if closed else "section 1.b.i",
                Capability.SUBLICENSE: "section 1.a (non-transferable)",
                "commercial": "sections 1.a and 2",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 1.b.i", network=True),
        law="California",
    )


TERMS: Final[tuple[Terms, ...]] = (
    _license("2", "Llama 2 Community License Agreement", "https://ai.meta.com/llama/license/"),
    _license(
        "3",
        "Meta Llama 3 Community License Agreement",
        "https://github.com/meta-llama/llama3/blob/main/LICENSE",
    ),
    _license("3.1", "Llama 3.1 Community License Agreement", "https://www.llama.com/llama3_1/license/"),
    _license("3.2", "Llama 3.2 Community License Agreement", "https://www.llama.com/llama3_2/license/"),
    _license("3.3", "Llama 3.3 Community License Agreement", "https://www.llama.com/llama3_3/license/"),
    _license("4", "Llama 4 Community License Agreement", "https://www.llama.com/llama4/license/"),
)
