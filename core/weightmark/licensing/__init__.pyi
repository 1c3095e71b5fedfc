from .action import Action as Action
from .capability import Capability as Capability
from .deciding import decide as decide
from .decision import Decision as Decision
from .decision import Outcome as Outcome
from .decision import Reason as Reason
from .decision import ReasonCode as ReasonCode
from .duty import Clause as Clause
from .duty import Duty as Duty
from .duty import UseRestriction as UseRestriction
from .entitlement import Entitlement as Entitlement
from .expression import Expression as Expression
from .expression import parse_license as parse_license
from .expression import resolve_license as resolve_license
from .grant import FailMode as FailMode
from .grant import Grant as Grant
from .grant import IssuedGrant as IssuedGrant
from .party import Party as Party
from .request import Request as Request
from .scope import parse_scope as parse_scope
from .template import TEMPLATES as TEMPLATES
from .template import find_template as find_template
from .terms import Terms as Terms
from .tier import Tier as Tier
from .work import Relation as Relation
from .work import Work as Work

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
