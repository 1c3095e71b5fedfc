"""The OpenRAIL family, as terms: open, with purposes for which the model may not be used.

All but BigCode's share their paragraphs; each has its own Attachment A. A hub's bare ``openrail`` does not
say which sibling is meant, so the purposes of all of them are taken together for it. Every place that is
cited was looked up in the texts of RAIL++-M, BigScience and BigCode; some copies mark the points of
paragraph 4 and the grants of BigCode (2 and 3) with other numbers or none.

Not promised: the licences' own words. Read the attachment at the clause.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited, lettered, numbered
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL, Terms

Cited = tuple[tuple[str, str, str], ...]

_ATTACHMENT: Final = "Attachment A"
_STABLE_DIFFUSION: Final = (
    "unlawful-use harm-to-minors harmful-falsehood harmful-personal-data harassment automated-decision"
    " social-scoring exploiting-vulnerability discrimination medical-advice law-enforcement"
)
_BIGSCIENCE: Final = (
    "unlawful-use harm-to-minors harmful-falsehood harmful-personal-data undisclosed-machine-output"
    " harassment impersonation automated-decision social-scoring exploiting-vulnerability discrimination"
    " medical-advice law-enforcement"
)
_BIGCODE: Final = (
    "unlawful-use harm-to-minors malware harmful-falsehood harmful-personal-data undisclosed-machine-output"
    " harassment impersonation automated-decision social-scoring exploiting-vulnerability discrimination"
    " medical-advice law-enforcement"
)

_PLACES: Final = {
    str(Capability.DISTILL): "paragraphs 1 and 2",
    str(Capability.REDISTRIBUTE): "paragraphs 2 and 4",
    str(Capability.SUBLICENSE): "paragraph 2",
    str(Capability.RESELL): "paragraphs 2, 3 and 4",
    COMMERCIAL: "paragraphs 2 and 5",
}


def _rail(name: str, title: str, url: str, forbidden: Cited) -> Terms:
    cite = Citation(name)
    return Terms(
        id=f"LicenseRef-{name}",
        title=title,
        url=url,
        permissions=EVERYTHING,
        duties=(
            cite.duty(
                "observe-use-restrictions",
                "paragraph 5 and Attachment A",
                "Use the model for none of the restricted purposes, and require the same of your users.",
            ),
            cite.duty(
                "pass-on-use-restrictions",
                "paragraph 4(a)",
                "When you pass on, host or derive from the model, bind others to the use restrictions.",
            ),
            cite.duty("include-licence", "paragraph 4(b)"),
            cite.duty("state-changes", "paragraph 4(c)"),
            cite.duty(
                "attribution",
                "paragraph 4(d)",
                "When you pass on the model or a derivative, keep all notices that belong to it.",
            ),
        ),
        use_restrictions=cite.restrictions(forbidden),
        clauses=cite.clauses("paragraphs 2 and 5", _PLACES),
        share_alike=cite.sharing(Reach.DERIVATIVE, "paragraphs 1 and 4(a)", network=True),
    )


def _bigcode() -> Terms:
    cite = Citation("BigCode-OpenRAIL-M-1.0")
    return Terms(
        id="LicenseRef-BigCode-OpenRAIL-M-1.0",
        title="BigCode Open RAIL-M v1",
        url="https://huggingface.co/spaces/bigcode/bigcode-model-license-agreement",
        permissions=EVERYTHING,
        duties=(
            cite.duty("observe-use-restrictions", "section 4 and Attachment A"),
            cite.duty(
                "pass-on-use-restrictions",
                "section 5.1",
                "When you share or host the model or a modification, keep section 4 and these restrictions.",
            ),
            cite.duty("include-licence", "section 5.2(a)"),
            cite.duty(
                "keep-documentation",
                "section 5.2(b)",
                "Keep the model card; for a modification, write one at least as good on what you changed.",
            ),
            cite.duty("attribution", "section 5.2(c)"),
        ),
        use_restrictions=cite.restrictions(lettered(_ATTACHMENT, _BIGCODE)),
        clauses=cite.clauses(
            "section 2",
            {
                Capability.INFER: "sections 1(m) and 4",
                Capability.FINE_TUNE: "sections 1(m) and 2",
                Capability.DISTILL: "sections 1(i) and 2",
                Capability.REDISTRIBUTE: "sections 2 and 5",
                Capability.RESELL: "sections 3 and 5.1",
                COMMERCIAL: "section I and section 5.1",
            },
        ),
        share_alike=cite.sharing(Reach.DERIVATIVE, "section 5.1", network=True),
    )


def _generic() -> Terms:
    every = dict.fromkeys(f"{_BIGCODE} {_BIGSCIENCE} {_STABLE_DIFFUSION}".split())
    where = f"{_ATTACHMENT} (of one or another sibling)"
    return _rail(
        "OpenRAIL-M",
        "Open Responsible AI License for models (OpenRAIL-M), sibling not stated",
        "https://www.licenses.ai/ai-licenses",
        cited(where, *every),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _generic(),
    _rail(
        "CreativeML-OpenRAIL-M",
        "CreativeML Open RAIL-M, 22 August 2022",
        "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
        numbered(_ATTACHMENT, _STABLE_DIFFUSION),
    ),
    _rail(
        "OpenRAIL-PlusPlus-M",
        "CreativeML Open RAIL++-M, 24 November 2022",
        "https://raw.githubusercontent.com/Stability-AI/stablediffusion/main/LICENSE-MODEL",
        numbered(_ATTACHMENT, _STABLE_DIFFUSION),
    ),
    _rail(
        "BigScience-OpenRAIL-M",
        "BigScience Open RAIL-M, 18 August 2022",
        "https://bigscience.huggingface.co/blog/bigscience-openrail-m",
        lettered(_ATTACHMENT, _BIGSCIENCE),
    ),
    _rail(
        "BigScience-BLOOM-RAIL-1.0",
        "BigScience RAIL License v1.0, 19 May 2022",
        "https://huggingface.co/spaces/bigscience/license",
        numbered(_ATTACHMENT, _BIGSCIENCE),
    ),
    _bigcode(),
)
