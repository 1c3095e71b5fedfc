"""Licences, grants and decisions, without I/O and without a clock."""

from weightmark.licensing.action import Action
from weightmark.licensing.capability import Capability
from weightmark.licensing.deciding import decide
from weightmark.licensing.decision import Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Clause, Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.expression import Expression, parse_license, resolve_license
from weightmark.licensing.grant import FailMode, Grant, IssuedGrant
from weightmark.licensing.party import Party
from weightmark.licensing.request import Request
from weightmark.licensing.scope import parse_scope
from weightmark.licensing.template import TEMPLATES, find_template
from weightmark.licensing.terms import Terms
from weightmark.licensing.tier import Tier
from weightmark.licensing.work import Relation, Work

__all__ = [
    "TEMPLATES",
    "Action",
    "Capability",
    "Clause",
    "Decision",
    "Duty",
    "Entitlement",
    "Expression",
    "FailMode",
    "Grant",
    "IssuedGrant",
    "Outcome",
    "Party",
    "Reason",
    "ReasonCode",
    "Relation",
    "Request",
    "Terms",
    "Tier",
    "UseRestriction",
    "Work",
    "decide",
    "find_template",
    "parse_license",
    "parse_scope",
    "resolve_license",
]
