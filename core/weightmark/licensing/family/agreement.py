"""Agreements between an owner and a licensee, as terms to start from: commercial, research, evaluation.

They are Weightmark's own; their text is what ``license show --text`` writes, and its sections are what the
clauses name. Names, seats, dates, limits and prices are filled in with ``license build --template``.

Not promised: that they suit your case. Show them to a lawyer before money changes hands.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, VIEWS, Capability
from weightmark.licensing.duty import Condition, Duty, UseRestriction
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.family.purpose import cited
from weightmark.licensing.terms import COMMERCIAL, Terms
from weightmark.licensing.tier import Tier

_PERMITTED, _FORBIDDEN, _COMMERCE = "section 1", "section 2", "section 3"
_DUTIES, _RESTRICTED, _CONDITIONS = "section 4", "section 5", "section 6"


def _agreement(  # noqa: PLR0913 - the parts of an agreement
    name: str,
    title: str,
    permissions: frozenset[Capability],
    *,
    commercial: bool,
    duties: tuple[Duty, ...],
    conditions: tuple[Condition, ...],
    restrictions: tuple[UseRestriction, ...] = (),
    purposes: frozenset[str] = frozenset(),
) -> Terms:
    forbidden = EVERYTHING - permissions
    places = {str(capability): _FORBIDDEN for capability in forbidden} | {COMMERCIAL: _COMMERCE}
    return Terms(
        id=f"LicenseRef-{name}",
        title=title,
        permissions=permissions,
        prohibitions=forbidden,
        commercial=commercial,
        duties=duties,
        use_restrictions=restrictions,
        conditions=conditions,
        purposes=purposes,
        clauses=Citation(name).clauses(_PERMITTED, places),
        warranty="As is: no warranty beyond what the law demands.",
    )


def _confidential(cite: Citation) -> Duty:
    return cite.duty("confidentiality", _DUTIES, "Keep the weights secret, and give them to nobody outside.")


def _attribution(cite: Citation) -> Duty:
    return cite.duty(
        "attribution", _DUTIES, "Name the model and its owner in the documentation of what uses it."
    )


def _enterprise() -> Terms:
    cite = Citation("Weightmark-Enterprise-1.0")
    return _agreement(
        cite.name,
        "Enterprise licence",
        Tier.FINE_TUNE.capabilities,
        commercial=True,
        duties=(_attribution(cite), _confidential(cite)),
        conditions=(
            cite.condition("paid", _CONDITIONS, "The price of the order is paid when it is due."),
            cite.condition(
                "affiliates", _CONDITIONS, "The user is the licensee or a company under its control."
            ),
        ),
    )


def _per_seat() -> Terms:
    cite = Citation("Weightmark-Per-Seat-1.0")
    return _agreement(
        cite.name,
        "Per-seat licence",
        Tier.INFERENCE.capabilities,
        commercial=True,
        duties=(_attribution(cite), cite.duty("name-users", _DUTIES, "Keep a list of who holds a seat.")),
        conditions=(
            cite.condition("paid", _CONDITIONS, "The price of each seat is paid when it is due."),
            cite.condition(
                "seat", _CONDITIONS, "The user holds a seat; a seat is held by one person at a time."
            ),
        ),
    )


def _organisation() -> Terms:
    cite = Citation("Weightmark-Organisation-1.0")
    return _agreement(
        cite.name,
        "Organisation-wide licence",
        Tier.FINE_TUNE.capabilities - {Capability.MERGE},
        commercial=True,
        duties=(_attribution(cite), _confidential(cite)),
        conditions=(
            cite.condition("paid", _CONDITIONS, "The price of the order is paid when it is due."),
            cite.condition("member", _CONDITIONS, "The user works in or for a named organisation."),
        ),
    )


def _oem() -> Terms:
    cite = Citation("Weightmark-OEM-1.0")
    return _agreement(
        cite.name,
        "OEM licence",
        EVERYTHING - {Capability.DISTILL},
        commercial=True,
        duties=(
            _attribution(cite),
            cite.duty("bind-customers", _DUTIES, "Bind customers to terms that are at least as strict."),
            cite.duty("report-units", _DUTIES, "Report each quarter how many units of the product went out."),
        ),
        conditions=(
            cite.condition("paid", _CONDITIONS, "The price of each unit is paid when it is due."),
            cite.condition(
                "embedded", _CONDITIONS, "It goes out only as a part of the licensee's own product."
            ),
        ),
    )


def _academic() -> Terms:
    cite = Citation("Weightmark-Academic-1.0")
    return _agreement(
        cite.name,
        "Academic licence",
        Tier.FINE_TUNE.capabilities | {Capability.DISTILL},
        commercial=False,
        duties=(
            cite.duty("cite", _DUTIES, "Cite the model in publications that rest on it."),
            _confidential(cite),
            cite.duty(
                "proof-of-status", _DUTIES, "Show on demand that you study or work at such an institution."
            ),
        ),
        conditions=(
            cite.condition(
                "academic-status",
                _CONDITIONS,
                "The user studies or works at a university or school, and shows it.",
            ),
        ),
        restrictions=cite.restrictions(cited(_RESTRICTED, "production")),
        purposes=frozenset({"research", "teaching"}),
    )


def _non_profit() -> Terms:
    cite = Citation("Weightmark-Non-Profit-1.0")
    return _agreement(
        cite.name,
        "Non-profit licence",
        Tier.FINE_TUNE.capabilities,
        commercial=False,
        duties=(
            _attribution(cite),
            _confidential(cite),
            cite.duty("proof-of-status", _DUTIES, "Show on demand the papers by which you are a non-profit."),
        ),
        conditions=(
            cite.condition(
                "non-profit-status", _CONDITIONS, "The licensee is recognised as a non-profit, and shows it."
            ),
        ),
    )


def _evaluation() -> Terms:
    cite = Citation("Weightmark-Evaluation-1.0")
    return _agreement(
        cite.name,
        "Evaluation licence",
        VIEWS | {Capability.INFER, Capability.EMBED},
        commercial=True,
        duties=(
            _confidential(cite),
            cite.duty("delete-copies", _DUTIES, "When the evaluation ends, delete every copy and say so."),
        ),
        conditions=(
            cite.condition(
                "trial", _CONDITIONS, "The evaluation takes at most 30 days, unless a date says otherwise."
            ),
        ),
        restrictions=cite.restrictions(cited(_RESTRICTED, "production")),
        purposes=frozenset({"evaluation"}),
    )


TERMS: Final[tuple[Terms, ...]] = (
    _enterprise(),
    _per_seat(),
    _organisation(),
    _oem(),
    _academic(),
    _non_profit(),
    _evaluation(),
)
