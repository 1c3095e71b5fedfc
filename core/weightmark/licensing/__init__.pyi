from .action import Action as Action
from .building import Draft as Draft
from .building import build_terms as build_terms
from .building import find_contradictions as find_contradictions
from .capability import Capability as Capability
from .compatibility import Answer as Answer
from .compatibility import Compatibility as Compatibility
from .compatibility import CompatibilityCode as CompatibilityCode
from .compatibility import CompatibilityReason as CompatibilityReason
from .deciding import decide as decide
from .decision import Decision as Decision
from .decision import Outcome as Outcome
from .decision import Reason as Reason
from .decision import ReasonCode as ReasonCode
from .demand import may_carry as may_carry
from .duty import Clause as Clause
from .duty import Condition as Condition
from .duty import Duty as Duty
from .duty import UseRestriction as UseRestriction
from .entitlement import Entitlement as Entitlement
from .expression import Expression as Expression
from .expression import parse_license as parse_license
from .expression import resolve_license as resolve_license
from .grant import FailMode as FailMode
from .grant import Grant as Grant
from .grant import GrantState as GrantState
from .grant import IssuedGrant as IssuedGrant
from .ingredient import Ingredient as Ingredient
from .ingredient import Joining as Joining
from .ingredient import read_ingredient as read_ingredient
from .ingredient import split_kind as split_kind
from .ingredient import take_ingredient as take_ingredient
from .odrl import to_odrl as to_odrl
from .odrl_reading import from_odrl as from_odrl
from .party import Party as Party
from .reading import read_terms as read_terms
from .renewal import Renewal as Renewal
from .request import Request as Request
from .scope import parse_scope as parse_scope
from .sharing import Reach as Reach
from .sharing import ShareAlike as ShareAlike
from .template import TEMPLATES as TEMPLATES
from .template import find_template as find_template
from .terms import Terms as Terms
from .tier import Tier as Tier
from .together import weigh_together as weigh_together
from .use import Use as Use
from .use import parse_use as parse_use
from .wording import word_terms as word_terms
from .work import Relation as Relation
from .work import Work as Work
from .work_kind import WorkKind as WorkKind

__all__ = [
    "TEMPLATES",
    "Action",
    "Answer",
    "Capability",
    "Clause",
    "Compatibility",
    "CompatibilityCode",
    "CompatibilityReason",
    "Condition",
    "Decision",
    "Draft",
    "Duty",
    "Entitlement",
    "Expression",
    "FailMode",
    "Grant",
    "GrantState",
    "Ingredient",
    "IssuedGrant",
    "Joining",
    "Outcome",
    "Party",
    "Reach",
    "Reason",
    "ReasonCode",
    "Relation",
    "Renewal",
    "Request",
    "ShareAlike",
    "Terms",
    "Tier",
    "Use",
    "UseRestriction",
    "Work",
    "WorkKind",
    "build_terms",
    "decide",
    "find_contradictions",
    "find_template",
    "from_odrl",
    "may_carry",
    "parse_license",
    "parse_scope",
    "parse_use",
    "read_ingredient",
    "read_terms",
    "resolve_license",
    "split_kind",
    "take_ingredient",
    "to_odrl",
    "weigh_together",
    "word_terms",
]
