"""OpenRAIL-M, as terms: open, with purposes for which the model may not be used.

The numbers are those of the CreativeML Open RAIL-M of 22 August 2022.

Not promised: every member of the family. Siblings keep these paragraphs but may list other purposes.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.duty import Clause, Duty, UseRestriction
from weightmark.licensing.terms import COMMERCIAL, Terms

_PARAGRAPH = "OpenRAIL-M paragraph"
_ATTACHMENT = "OpenRAIL-M Attachment A"

_FORBIDDEN: Final = {
    "unlawful-use": "No use that breaks a law or regulation.",
    "harm-to-minors": "No exploiting or harming of minors.",
    "harmful-falsehood": "No verifiably false content made to harm others.",
    "harmful-personal-data": "No personal data that can be used to harm somebody.",
    "harassment": "No defaming, disparaging or harassing of others.",
    "automated-decision": "No fully automated decisions that touch somebody's rights or obligations.",
    "social-scoring": "No harm or discrimination by social behaviour or personality.",
    "exploiting-vulnerability": "No exploiting of a group's weaknesses so that somebody comes to harm.",
    "discrimination": "No discrimination by legally protected traits.",
    "medical-advice": "No medical advice, no reading of medical results.",
    "law-enforcement": "No use in justice, law enforcement, immigration or asylum.",
}

OPENRAIL_M: Final = Terms(
    id="LicenseRef-OpenRAIL-M",
    title="Open Responsible AI License for models (OpenRAIL-M)",
    url="https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    permissions=EVERYTHING,
    duties=(
        Duty(
            id="observe-use-restrictions",
            sentence="Use the model for none of the restricted purposes, and require the same of your users.",
            clause=f"{_PARAGRAPH} 5 and Attachment A",
        ),
        Duty(
            id="pass-on-use-restrictions",
            sentence="When you pass on, host or derive from the model, bind others to the use restrictions.",
            clause=f"{_PARAGRAPH} 4(a)",
        ),
        Duty(
            id="include-licence",
            sentence="When you pass on the model or a derivative, give a copy of the licence with it.",
            clause=f"{_PARAGRAPH} 4(b)",
        ),
        Duty(
            id="state-changes",
            sentence="When you pass on changed files, mark them prominently as changed.",
            clause=f"{_PARAGRAPH} 4(c)",
        ),
        Duty(
            id="attribution",
            sentence="When you pass on the model or a derivative, keep all notices that belong to it.",
            clause=f"{_PARAGRAPH} 4(d)",
        ),
    ),
    use_restrictions=tuple(
        UseRestriction(id=name, sentence=sentence, clause=_ATTACHMENT)
        for name, sentence in _FORBIDDEN.items()
    ),
    clauses=(
        *(
            Clause(topic=topic, place=f"{_PARAGRAPH}s 2 and 5")
            for topic in (
                Capability.VIEW_METADATA,
                Capability.VIEW_ARCHITECTURE,
                Capability.INFER,
                Capability.EMBED,
                Capability.DOWNLOAD_WEIGHTS,
                Capability.FINE_TUNE,
                Capability.MERGE,
                COMMERCIAL,
            )
        ),
        Clause(topic=Capability.DISTILL, place=f"{_PARAGRAPH}s 1 and 2"),
        Clause(topic=Capability.REDISTRIBUTE, place=f"{_PARAGRAPH}s 2 and 4"),
        Clause(topic=Capability.SUBLICENSE, place=f"{_PARAGRAPH} 2"),
        Clause(topic=Capability.RESELL, place=f"{_PARAGRAPH}s 2, 3 and 4"),
    ),
)
