"""Licences of other makers of large models under which commercial use is open to most, as terms.

Read here: Gemma (24 March 2025, with its Prohibited Use Policy of 21 February 2024), DeepSeek 1.0, Qwen (19
September 2024), Tongyi Qianwen (3 August 2023), Falcon 2 11B, NVIDIA Open Model (28 April 2025), Stability
AI Community (5 July 2024), OpenMDW 1.0, Apple's sample code licence. Every place that is cited was looked up
in them; where a copy has no numbers (Falcon, NVIDIA) its headings were counted. The Databricks licence was
not at hand: what is certain of it is here, the rest is not permitted, and its clauses have no numbers.

Not promised: the licences' own words, nor later versions of policies that they refer to.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited, numbered
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL, Terms

_NO_SUBLICENSE: Final = frozenset({Capability.SUBLICENSE})
_DISTILL: Final = frozenset({Capability.DISTILL})

_GEMMA: Final = (
    *cited("Prohibited Use Policy 1", "infringement"),
    *cited("Prohibited Use Policy 2.a", "unlawful-use", "harm-to-minors", "illegal-drugs", "terrorism"),
    *cited("Prohibited Use Policy 2.b", "unlicensed-practice"),
    *cited("Prohibited Use Policy 2.c", "spam", "fraud", "malware"),
    *cited("Prohibited Use Policy 2.d", "circumvention"),
    *cited("Prohibited Use Policy 2.e", "hatred", "harassment", "violence", "self-harm", "tracking"),
    *cited("Prohibited Use Policy 2.e", "harmful-personal-data", "discrimination", "sensitive-personal-data"),
    *cited("Prohibited Use Policy 3", "human-claim", "impersonation", "misleading-expertise"),
    *cited("Prohibited Use Policy 3", "automated-decision", "defamation"),
    *cited("Prohibited Use Policy 4", "sexual-content"),
)
_DEEPSEEK: Final = (
    "unlawful-use military harm-to-minors harmful-falsehood inappropriate-content harmful-personal-data"
    " harassment automated-decision social-scoring exploiting-vulnerability discrimination"
)


def _gemma() -> Terms:
    cite = Citation("Gemma")
    return Terms(
        id="LicenseRef-Gemma",
        title="Gemma Terms of Use",
        url="https://ai.google.dev/gemma/terms",
        permissions=EVERYTHING - _NO_SUBLICENSE,
        duties=(
            cite.duty("observe-use-restrictions", "section 3.2"),
            cite.duty("pass-on-use-restrictions", "section 3.1"),
            cite.duty("include-licence", "section 3.1"),
            cite.duty("state-changes", "section 3.1"),
            cite.duty("notice-file", "section 3.1"),
        ),
        use_restrictions=cite.restrictions(_GEMMA),
        clauses=cite.clauses(
            "section 2.2",
            {
                Capability.REDISTRIBUTE: "sections 2.2 and 3.1",
                Capability.RESELL: "sections 2.2 and 3.1",
                Capability.DISTILL: "sections 1.1(e) and 2.2",
                Capability.SUBLICENSE: "section 2.2",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "sections 1.1(e) and 3.1", network=True),
        law="California",
    )


def _deepseek() -> Terms:
    cite = Citation("DeepSeek-1.0")
    return Terms(
        id="LicenseRef-DeepSeek-1.0",
        title="DeepSeek License Agreement 1.0",
        url="https://github.com/deepseek-ai/DeepSeek-LLM/blob/main/LICENSE-MODEL",
        permissions=EVERYTHING,
        duties=(
            cite.duty("observe-use-restrictions", "paragraph 5 and Attachment A"),
            cite.duty("pass-on-use-restrictions", "paragraph 4(a)"),
            cite.duty("include-licence", "paragraph 4(b)"),
            cite.duty("state-changes", "paragraph 4(c)"),
            cite.duty("attribution", "paragraph 4(d)"),
        ),
        use_restrictions=cite.restrictions(numbered("Attachment A", _DEEPSEEK)),
        clauses=cite.clauses(
            "paragraphs 2 and 5",
            {
                Capability.DISTILL: "paragraphs 1 and 2",
                Capability.REDISTRIBUTE: "paragraphs 2 and 4",
                Capability.SUBLICENSE: "paragraph 2",
                Capability.RESELL: "paragraphs 2, 3 and 4",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "paragraphs 1 and 4(a)", network=True),
        law="China",
    )


def _qwen(name: str, title: str, url: str, *, open_outputs: bool) -> Terms:
    cite = Citation(name)
    duties = [
        cite.duty("include-licence", "section 3.a"),
        cite.duty("state-changes", "section 3.b"),
        cite.duty("notice-file", "section 3.c"),
    ]
    if open_outputs:
        sentence = (
            "When you pass on a model made or improved with it or its outputs, show"
            ' "Built with Qwen" or "Improved using Qwen" in its documentation.'
        )
        duties.append(cite.duty("display-name", "section 5.b", sentence))
    closed = frozenset[Capability]() if open_outputs else _DISTILL
    return Terms(
        id=f"LicenseRef-{name}",
        title=title,
        url=url,
        permissions=EVERYTHING - _NO_SUBLICENSE - closed,
        prohibitions=closed,
        duties=tuple(duties),
        use_restrictions=()
        if open_outputs
        else cite.restrictions(cited("section 5.b", "improve-other-model")),
        conditions=(
            cite.condition(
                "large-user",
                "section 4",
                "Your product or service has at most 100 million monthly active users when you use it"
                " commercially; otherwise ask Alibaba Cloud for a licence.",
            ),
        ),
        clauses=cite.clauses(
            "section 2",
            {
                Capability.REDISTRIBUTE: "sections 2 and 3",
                Capability.RESELL: "sections 2, 3 and 4",
                Capability.DISTILL: "section 5.b",
                Capability.SUBLICENSE: "section 2 (non-transferable)",
                COMMERCIAL: "sections 2 and 4",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 3.a", network=True),
        law="China",
    )


def _falcon() -> Terms:
    cite = Citation("Falcon-2-11B-TII-1.0")
    return Terms(
        id="LicenseRef-Falcon-2-11B-TII-1.0",
        title="Falcon 2 11B TII License 1.0",
        url="https://falconllm.tii.ae/",
        permissions=EVERYTHING,
        duties=(
            cite.duty(
                "observe-use-restrictions", "section 5", "Keep to the Acceptable Use Policy at all times."
            ),
            cite.duty("pass-on-use-restrictions", "section 4"),
            cite.duty("include-licence", "section 4"),
            cite.duty("state-changes", "section 4"),
            cite.duty("attribution", "section 4"),
            cite.duty(
                "display-name",
                "section 6",
                "In public statements on a derivative, say that it is built with Falcon technology from TII.",
            ),
        ),
        clauses=cite.clauses(
            "section 2",
            {
                Capability.REDISTRIBUTE: "sections 2 and 4",
                Capability.RESELL: "sections 2, 3 and 4",
                Capability.DISTILL: "sections 2 and 5",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 4"),
    )


def _nvidia() -> Terms:
    cite = Citation("NVIDIA-Open-Model")
    return Terms(
        id="LicenseRef-NVIDIA-Open-Model",
        title="NVIDIA Open Model License Agreement, 28 April 2025",
        url="https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/",
        permissions=EVERYTHING - _NO_SUBLICENSE,
        duties=(
            cite.duty("include-licence", "section 3.1"),
            cite.duty("notice-file", "section 3.1"),
            cite.duty(
                "display-name",
                "section 3.2",
                'When you pass on, build in or derive from a Cosmos model, show "Built on NVIDIA Cosmos".',
            ),
            cite.duty("observe-use-restrictions", "section 2.3", "Keep to NVIDIA's Trustworthy AI terms."),
            cite.duty(
                "keep-guardrails",
                "section 2.1",
                "Do not bypass or weaken guardrails or technical limits of it.",
            ),
        ),
        use_restrictions=cite.restrictions(cited("section 2.1", "circumvention")),
        clauses=cite.clauses(
            "section 2.2",
            {
                Capability.DISTILL: "sections 2.2 and 2.4",
                Capability.REDISTRIBUTE: "sections 2.2 and 3",
                COMMERCIAL: "introduction and section 2.2",
            },
        ),
        law="Delaware",
    )


def _stability() -> Terms:
    cite = Citation("Stability-AI-Community")
    return Terms(
        id="LicenseRef-Stability-AI-Community",
        title="Stability AI Community License Agreement, 5 July 2024",
        url="https://stability.ai/community-license-agreement",
        permissions=EVERYTHING - _NO_SUBLICENSE - _DISTILL,
        prohibitions=_NO_SUBLICENSE | _DISTILL,
        duties=(
            cite.duty("include-licence", "section IV(a)(i)"),
            cite.duty("notice-file", "section IV(a)(ii)"),
            cite.duty("display-name", "section IV(a)(iii)", 'Show "Powered by Stability AI" prominently.'),
            cite.duty(
                "state-changes", "section IV(a)", "In the Notice file of a derivative, say what you changed."
            ),
            cite.duty(
                "register", "section III", "Before you use it commercially, register with Stability AI."
            ),
            cite.duty("observe-use-restrictions", "section IV(b)", "Keep to the Acceptable Use Policy."),
        ),
        use_restrictions=cite.restrictions(cited("section IV(b)", "improve-other-model", "unlawful-use")),
        conditions=(
            cite.condition(
                "revenue",
                "section III",
                "You and your affiliates together earn at most 1,000,000 USD a year when you"
                " use it commercially; otherwise ask Stability AI for a licence.",
            ),
        ),
        clauses=cite.clauses(
            "sections II and III",
            {
                Capability.REDISTRIBUTE: "sections II, III and IV(a)",
                Capability.DISTILL: "section IV(b)",
                COMMERCIAL: "section III",
                Capability.RESELL: "section III",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section IV(a)", network=True),
        law="California",
    )


def _openmdw() -> Terms:
    cite = Citation("OpenMDW-1.0")
    return Terms(
        id="OpenMDW-1.0",
        title="OpenMDW License Agreement 1.0",
        url="https://spdx.org/licenses/OpenMDW-1.0.html",
        permissions=EVERYTHING,
        duties=(
            cite.duty(
                "include-licence", "fourth paragraph", "When you pass it on, keep a copy of this agreement."
            ),
            cite.duty("attribution", "fourth paragraph"),
        ),
        clauses=cite.clauses(
            "third paragraph (permission)", {Capability.DISTILL: "third and sixth paragraphs"}
        ),
    )


def _apple_sample() -> Terms:
    cite = Citation("Apple-ASCL")
    return Terms(
        id="LicenseRef-Apple-ASCL",
        title="Apple Sample Code License",
        url="https://developer.apple.com/support/downloads/terms/apple-sample-code/Apple-Sample-Code-License.pdf",
        permissions=EVERYTHING - _NO_SUBLICENSE - {Capability.RESELL},
        duties=(
            cite.duty(
                "attribution",
                "first paragraph",
                "When you pass it on whole and unchanged, keep the notice, the text and the disclaimers.",
            ),
            cite.duty("no-endorsement", "second paragraph"),
        ),
        clauses=cite.clauses("first paragraph"),
    )


def _databricks() -> Terms:
    cite = Citation("Databricks-Open-Model")
    return Terms(
        id="LicenseRef-Databricks-Open-Model",
        title="Databricks Open Model License, 27 March 2024",
        url="https://www.databricks.com/legal/open-model-license",
        permissions=EVERYTHING - _NO_SUBLICENSE - _DISTILL - {Capability.RESELL},
        prohibitions=_DISTILL,
        duties=(
            cite.duty("include-licence", "part on reproduction and distribution"),
            cite.duty("notice-file", "part on reproduction and distribution"),
            cite.duty("state-changes", "part on reproduction and distribution"),
            cite.duty(
                "observe-use-restrictions", "part on use restrictions", "Keep to the Acceptable Use Policy."
            ),
        ),
        use_restrictions=cite.restrictions(cited("part on use restrictions", "improve-other-model")),
        conditions=(
            cite.condition(
                "large-user",
                "part on additional commercial terms",
                "You have at most 700 million monthly active users; otherwise ask Databricks for a licence.",
            ),
        ),
        clauses=cite.clauses("part on license rights", {Capability.DISTILL: "part on use restrictions"}),
        share_alike=cite.sharing(Reach.DERIVATIVE, "part on reproduction and distribution", network=True),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _gemma(),
    _deepseek(),
    _qwen(
        "Qwen",
        "Qwen License Agreement, 19 September 2024",
        "https://huggingface.co/Qwen/Qwen2.5-72B-Instruct/blob/main/LICENSE",
        open_outputs=True,
    ),
    _qwen(
        "Tongyi-Qianwen",
        "Tongyi Qianwen License Agreement, 3 August 2023",
        "https://github.com/QwenLM/Qwen/blob/main/Tongyi%20Qianwen%20LICENSE%20AGREEMENT",
        open_outputs=False,
    ),
    _falcon(),
    _nvidia(),
    _stability(),
    _openmdw(),
    _apple_sample(),
    _databricks(),
)
