"""Licences of model makers for research and other non-commercial use, as terms.

Read here: Mistral's Non-Production License 0.1 and Research License 0.1, FLUX.1 [dev], Stability AI
Non-Commercial Research (6 December 2023); of the last two every place that is cited was looked up. Of Qwen
Research, Apple's AMLR, Cohere's addendum, the Falcon LLM License and Grok 2 only what others quote from them
was at hand. Of those, what is certain is here, the rest is not permitted, and clauses without numbers say
so.

Not promised: the licences' own words, nor later versions of policies that they refer to.
"""

from typing import Final

from weightmark.licensing.capability import DERIVES, EVERYTHING, VIEWS, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL, Terms

_NEVER: Final = frozenset({Capability.SUBLICENSE, Capability.RESELL})
_DISTILL: Final = frozenset({Capability.DISTILL})


def _mistral(name: str, title: str, url: str, purposes: frozenset[str], *, production: bool) -> Terms:
    cite = Citation(name)
    commerce = "sections 3.2 and 9 (Research Purposes)" if production else "section 3.2"
    return Terms(
        id=f"LicenseRef-{name}",
        title=title,
        url=url,
        permissions=EVERYTHING - _NEVER,
        prohibitions=_NEVER,
        commercial=False,
        purposes=purposes,
        duties=(
            cite.duty("include-licence", "section 2.2"),
            cite.duty(
                "notice-file",
                "section 2.2",
                f'Keep "Licensed by Mistral AI under the {title[:-4]}" in a text file named Notice.',
            ),
            cite.duty(
                "state-changes",
                "section 2.3",
                "In a derivative, say prominently that you modified the model.",
            ),
            cite.duty(
                "no-endorsement", "section 3.1", "Do not present a derivative as Mistral AI's own product."
            ),
        ),
        use_restrictions=() if production else cite.restrictions(cited("section 3.2", "production")),
        clauses=cite.clauses(
            "sections 2.1 and 3.2",
            {
                Capability.REDISTRIBUTE: "sections 2.2, 2.3 and 3.2",
                Capability.DISTILL: "sections 3.2 and 4.2",
                Capability.SUBLICENSE: "section 2.1",
                Capability.RESELL: commerce,
                COMMERCIAL: commerce,
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "sections 2.3 and 4.3"),
        law="France",
    )


def _flux() -> Terms:
    cite = Citation("FLUX.1-dev-NC")
    return Terms(
        id="LicenseRef-FLUX.1-dev-NC",
        title="FLUX.1 [dev] Non-Commercial License",
        url="https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md",
        permissions=EVERYTHING - _NEVER - _DISTILL,
        prohibitions=_NEVER | _DISTILL,
        commercial=False,
        duties=(
            cite.duty("include-licence", "section 3(a)"),
            cite.duty("notice-file", "section 3(b)"),
            cite.duty(
                "state-changes", "section 3(c)", "In a derivative's notice, say that you modified the model."
            ),
            cite.duty("no-further-restrictions", "section 3(d)"),
            cite.duty(
                "no-endorsement", "section 3", "Do not present a derivative as the company's own product."
            ),
        ),
        use_restrictions=cite.restrictions(
            (
                *cited("section 4(a)(i)", "production"),
                *cited("section 4(a)(ii)", "military"),
                *cited("section 4(a)(iii)", "surveillance"),
                *cited("section 4(a)(iv)", "biometrics"),
                *cited("section 4(a)(v)", "infringement"),
                *cited("section 4(a)(vi)", "unlawful-use"),
                *cited("section 4(c)", "circumvention"),
                *cited("section 2(d)", "improve-other-model"),
            )
        ),
        clauses=cite.clauses(
            "section 2(a)",
            {
                Capability.REDISTRIBUTE: "sections 2(a) and 3",
                Capability.DISTILL: "section 2(d)",
                Capability.SUBLICENSE: "section 2(a)",
                Capability.RESELL: "sections 2(b) and 4(a)(i)",
                COMMERCIAL: "sections 1 and 2(b)",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "sections 2(a) and 3"),
        law="Delaware",
    )


def _stability() -> Terms:
    name = "Stability-AI-NC-Research"
    cite = Citation(name)
    return Terms(
        id=f"LicenseRef-{name}",
        title="Stability AI Non-Commercial Research Community License, 6 December 2023",
        url="https://stability.ai/license",
        permissions=EVERYTHING - _NEVER - _DISTILL,
        prohibitions=_NEVER,
        commercial=False,
        duties=(
            cite.duty("include-licence", "section 1.c(i)"),
            cite.duty("notice-file", "section 1.c(ii)"),
            cite.duty(
                "state-changes", "section 1.c", "In the Notice file of a derivative, say what you changed."
            ),
            cite.duty(
                "share-alike", "section 1.c", "What you pass on, derivatives too, stays under this agreement."
            ),
            cite.duty(
                "no-hosting", "section 1.b", "Do not offer it to others as a hosted service or by an API."
            ),
            cite.duty("observe-use-restrictions", "section 1.a", "Keep to the Acceptable Use Policy."),
        ),
        use_restrictions=cite.restrictions(cited("definition of Non-Commercial Uses", "production")),
        clauses=cite.clauses(
            "section 1.a",
            {
                Capability.REDISTRIBUTE: "sections 1.a and 1.c",
                Capability.RESELL: "sections 1.a and 1.b",
                Capability.DISTILL: "definition of Derivative Works",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 1.c", f"LicenseRef-{name}"),
        law="California",
    )


def _qwen() -> Terms:
    cite = Citation("Qwen-Research")
    return Terms(
        id="LicenseRef-Qwen-Research",
        title="Qwen Research License Agreement",
        url="https://huggingface.co/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE",
        permissions=EVERYTHING - _NEVER,
        commercial=False,
        purposes=frozenset({"research", "evaluation"}),
        duties=(
            cite.duty("include-licence", "part on redistribution"),
            cite.duty("state-changes", "part on redistribution"),
            cite.duty("notice-file", "part on redistribution"),
            cite.duty(
                "display-name",
                "rules of use",
                'Show "Built with Qwen" or "Improved using Qwen" with a model made with it or its outputs.',
            ),
        ),
        clauses=cite.clauses("section 2", {Capability.REDISTRIBUTE: "part on redistribution"}),
        share_alike=cite.sharing(Reach.DERIVATIVE, "part on redistribution", network=True),
        law="China",
    )


def _apple() -> Terms:
    cite = Citation("Apple-AMLR")
    return Terms(
        id="LicenseRef-Apple-AMLR",
        title="Apple Machine Learning Research Model License Agreement",
        url="https://huggingface.co/apple/aimv2-large-patch14-native/blob/main/LICENSE",
        permissions=EVERYTHING - _NEVER,
        commercial=False,
        purposes=frozenset({"research"}),
        duties=(
            cite.duty("include-licence", "part on redistribution"),
            cite.duty(
                "notice-file",
                "part on redistribution",
                "When you pass it on, say that it is licensed under Apple's research model agreement.",
            ),
        ),
        clauses=cite.clauses(
            "part on the licence (exclusively for Research Purposes)",
            {COMMERCIAL: "definition of Research Purposes"},
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "part on Model Derivatives"),
    )


def _cohere() -> Terms:
    cite = Citation("C4AI-CC-BY-NC-4.0")
    nested = "through CC-BY-NC-4.0"
    return Terms(
        id="LicenseRef-C4AI-CC-BY-NC-4.0",
        title="CC-BY-NC-4.0 with Cohere Labs' Acceptable Use Addendum",
        url="https://cohere.com/c4ai-cc-by-nc-license",
        permissions=EVERYTHING - _NEVER,
        prohibitions=_NEVER,
        commercial=False,
        duties=(
            cite.duty("attribution", f"{nested} section 3(a)(1)(A)"),
            cite.duty(
                "state-changes", f"{nested} section 3(a)(1)(B)", "When you share it, say if you changed it."
            ),
            cite.duty("include-licence", f"{nested} section 3(a)(1)(C)"),
            cite.duty("no-further-restrictions", f"{nested} section 2(a)(5)(B)"),
            cite.duty(
                "observe-use-restrictions", "acceptable use addendum", "Keep to the Acceptable Use Policy."
            ),
        ),
        clauses=cite.clauses(
            f"{nested} section 2(a)(1)(A)",
            dict.fromkeys(map(str, DERIVES), f"{nested} section 2(a)(1)(B)")
            | {
                str(Capability.SUBLICENSE): f"{nested} section 2(a)(1)",
                str(Capability.RESELL): f"{nested} sections 1(i) and 2(a)(1)",
                COMMERCIAL: f"{nested} section 2(a)(1)",
            },
        ),
    )


def _falcon() -> Terms:
    cite = Citation("TII-Falcon-LLM")
    return Terms(
        id="LicenseRef-TII-Falcon-LLM",
        title="TII Falcon LLM License",
        url="https://falconllm.tii.ae/falcon-terms-and-conditions.html",
        permissions=VIEWS
        | {Capability.INFER, Capability.EMBED, Capability.DOWNLOAD_WEIGHTS, Capability.FINE_TUNE},
        commercial=False,
        duties=(
            cite.duty(
                "observe-use-restrictions", "part on acceptable use", "Keep to the Acceptable Use Policy."
            ),
        ),
        conditions=(
            cite.condition(
                "royalty",
                "part on commercial use",
                "Commercial use takes an application to TII, and a royalty above a threshold of revenue.",
            ),
        ),
        clauses=cite.clauses("part on the copyright licence", {COMMERCIAL: "part on commercial use"}),
        share_alike=cite.sharing(Reach.DERIVATIVE, "part on redistribution"),
    )


def _grok() -> Terms:
    cite = Citation("Grok-2-Community")
    return Terms(
        id="LicenseRef-Grok-2-Community",
        title="Grok 2 Community License Agreement",
        url="https://huggingface.co/xai-org/grok-2/blob/main/LICENSE",
        permissions=VIEWS
        | {Capability.INFER, Capability.EMBED, Capability.DOWNLOAD_WEIGHTS, Capability.FINE_TUNE},
        prohibitions=_DISTILL,
        commercial=False,
        duties=(
            cite.duty("include-licence", "part on distribution"),
            cite.duty(
                "display-name",
                "part on distribution",
                'When you pass it on, show "Powered by xAI" prominently.',
            ),
            cite.duty(
                "observe-use-restrictions", "part on restrictions", "Keep to the Acceptable Use Policy."
            ),
        ),
        use_restrictions=cite.restrictions(cited("part on restrictions", "improve-other-model")),
        clauses=cite.clauses("part on permitted uses", {Capability.DISTILL: "part on restrictions"}),
        share_alike=cite.sharing(Reach.DERIVATIVE, "part on distribution"),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _mistral(
        "MNPL-0.1",
        "Mistral AI Non-Production License 0.1",
        "https://mistral.ai/licenses/MNPL-0.1.md",
        frozenset({"research", "testing", "personal", "evaluation"}),
        production=False,
    ),
    _mistral(
        "MRL-0.1",
        "Mistral AI Research License 0.1",
        "https://mistral.ai/licenses/MRL-0.1.md",
        frozenset({"research"}),
        production=True,
    ),
    _flux(),
    _stability(),
    _qwen(),
    _apple(),
    _cohere(),
    _falcon(),
    _grok(),
)
