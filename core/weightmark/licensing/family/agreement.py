"""Agreements between an owner and a licensee, as terms to start from: commercial, research, evaluation.

They are Weightmark's own; their text is what ``license text`` writes, and its sections are what the
clauses name. Names, seats, dates, limits and prices are filled in with ``license build --template``.

Not promised: that they suit your case. Show them to a lawyer before money changes hands.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, VIEWS, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited
from weightmark.licensing.terms import COMMERCIAL, Terms
from weightmark.licensing.tier import Tier

Named = tuple[tuple[str, str], ...]

_ATTRIBUTION: Final = ("attribution", "Name the model and its owner in the documentation of what uses it.")
_CONFIDENTIAL: Final = ("confidentiality", "Keep the weights secret, and give them to nobody outside.")
_PAID: Final = ("paid", "The price of the order is paid when it is due.")


def _agreement(  # noqa: PLR0913 - the parts of an agreement
    kind: str,
    title: str,
    permissions: frozenset[Capability],
    *,
    commercial: bool,
    duties: Named,
    conditions: Named,
    forbidden: tuple[str, ...] = (),
    purposes: frozenset[str] = frozenset(),
) -> Terms:
    cite = Citation(f"Weightmark-{kind}-1.0")
    prohibitions = EVERYTHING - permissions
    places = {str(capability): "section 2" for capability in prohibitions} | {COMMERCIAL: "section 3"}
    return Terms(
        id=f"LicenseRef-{cite.name}",
        title=title,
        permissions=permissions,
        prohibitions=prohibitions,
        commercial=commercial,
        duties=tuple(cite.duty(name, "section 4", sentence) for name, sentence in duties),
        use_restrictions=cite.restrictions(cited("section 5", *forbidden)),
        conditions=tuple(cite.condition(name, "section 6", sentence) for name, sentence in conditions),
        purposes=purposes,
        clauses=cite.clauses("section 1", places),
        warranty="As is: no warranty beyond what the law demands.",
    )


TERMS: Final[tuple[Terms, ...]] = (
    _agreement(
        "Enterprise",
        "Enterprise licence",
        Tier.FINE_TUNE.capabilities,
        commercial=True,
        duties=(_ATTRIBUTION, _CONFIDENTIAL),
        conditions=(_PAID, ("affiliates", "The user is the licensee or a company under its control.")),
    ),
    _agreement(
        "Per-Seat",
        "Per-seat licence",
        Tier.INFERENCE.capabilities,
        commercial=True,
        duties=(_ATTRIBUTION, ("name-users", "Keep a list of who holds a seat.")),
        conditions=(
            ("paid", "The price of each seat is paid when it is due."),
            ("seat", "The user holds a seat; a seat is held by one person at a time."),
        ),
    ),
    _agreement(
        "Organisation",
        "Organisation-wide licence",
        Tier.FINE_TUNE.capabilities - {Capability.MERGE},
        commercial=True,
        duties=(_ATTRIBUTION, _CONFIDENTIAL),
        conditions=(_PAID, ("member", "The user works in or for a named organisation.")),
    ),
    _agreement(
        "OEM",
        "OEM licence",
        EVERYTHING - {Capability.DISTILL},
        commercial=True,
        duties=(
            _ATTRIBUTION,
            ("bind-customers", "Bind customers to terms that are at least as strict."),
            ("report-units", "Report each quarter how many units of the product went out."),
        ),
        conditions=(
            ("paid", "The price of each unit is paid when it is due."),
            ("embedded", "It goes out only as a part of the licensee's own product."),
        ),
    ),
    _agreement(
        "Academic",
        "Academic licence",
        Tier.FINE_TUNE.capabilities | {Capability.DISTILL},
        commercial=False,
        duties=(
            ("cite", "Cite the model in publications that rest on it."),
            _CONFIDENTIAL,
            ("proof-of-status", "Show on demand that you study or work at such an institution."),
        ),
        conditions=(
            ("academic-status", "The user studies or works at a university or school, and shows it."),
        ),
        forbidden=("production",),
        purposes=frozenset({"research", "teaching"}),
    ),
    _agreement(
        "Non-Profit",
        "Non-profit licence",
        Tier.FINE_TUNE.capabilities,
        commercial=False,
        duties=(
            _ATTRIBUTION,
            _CONFIDENTIAL,
            ("proof-of-status", "Show on demand the papers by which you are a non-profit."),
        ),
        conditions=(("non-profit-status", "The licensee is recognised as a non-profit, and shows it."),),
    ),
    _agreement(
        "Evaluation",
        "Evaluation licence",
        Tier.INFERENCE.capabilities | VIEWS,
        commercial=True,
        duties=(
            _CONFIDENTIAL,
            ("delete-copies", "When the evaluation ends, delete every copy and say so."),
        ),
        conditions=(("trial", "The evaluation takes at most 30 days, unless a date says otherwise."),),
        forbidden=("production",),
        purposes=frozenset({"evaluation"}),
    ),
)
