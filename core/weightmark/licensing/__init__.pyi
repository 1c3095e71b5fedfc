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
from .grant_event import Act as Act
from .grant_event import Amended as Amended
from .grant_event import Assigned as Assigned
from .grant_event import Consented as Consented
from .grant_event import Granted as Granted
from .grant_event import GrantEvent as GrantEvent
from .grant_event import Reinstated as Reinstated
from .grant_event import Renewed as Renewed
from .grant_event import Revoked as Revoked
from .grant_event import Seated as Seated
from .grant_event import Suspended as Suspended
from .ingredient import Ingredient as Ingredient
from .ingredient import Joining as Joining
from .ingredient import read_ingredient as read_ingredient
from .ingredient import split_kind as split_kind
from .ingredient import take_ingredient as take_ingredient
from .life import Life as Life
from .life import Proposal as Proposal
from .odrl import to_odrl as to_odrl
from .odrl_reading import from_odrl as from_odrl
from .organisation.case import PolicyQuestion as PolicyQuestion
from .organisation.judging import Judge as Judge
from .organisation.policy import OrganisationPolicy as OrganisationPolicy
from .organisation.policy import Ruling as Ruling
from .organisation.reading import read_policy as read_policy
from .party import Party as Party
from .reading import read_terms as read_terms
from .renewal import Renewal as Renewal
from .request import Request as Request
from .scope import parse_scope as parse_scope
from .sharing import Reach as Reach
from .sharing import ShareAlike as ShareAlike
from .sublicence import exceed as exceed
from .template import TEMPLATES as TEMPLATES
from .template import find_template as find_template
from .template import nearest_names as nearest_names
from .terms import Terms as Terms
from .tier import Tier as Tier
from .together import weigh_together as weigh_together
from .use import Use as Use
from .use import parse_use as parse_use
from .verbatim import LicenceText as LicenceText
from .verbatim import find_text as find_text
from .wording import word_terms as word_terms
from .work import Relation as Relation
from .work import Work as Work
from .work_kind import WorkKind as WorkKind

__all__ = [
    "TEMPLATES",
    "Act",
    "Action",
    "Amended",
    "Answer",
    "Assigned",
    "Capability",
    "Clause",
    "Compatibility",
    "CompatibilityCode",
    "CompatibilityReason",
    "Condition",
    "Consented",
    "Decision",
    "Draft",
    "Duty",
    "Entitlement",
    "Expression",
    "FailMode",
    "Grant",
    "GrantEvent",
    "GrantState",
    "Granted",
    "Ingredient",
    "IssuedGrant",
    "Joining",
    "Judge",
    "LicenceText",
    "Life",
    "OrganisationPolicy",
    "Outcome",
    "Party",
    "PolicyQuestion",
    "Proposal",
    "Reach",
    "Reason",
    "ReasonCode",
    "Reinstated",
    "Relation",
    "Renewal",
    "Renewed",
    "Request",
    "Revoked",
    "Ruling",
    "Seated",
    "ShareAlike",
    "Suspended",
    "Terms",
    "Tier",
    "Use",
    "UseRestriction",
    "Work",
    "WorkKind",
    "build_terms",
    "decide",
    "exceed",
    "find_contradictions",
    "find_template",
    "find_text",
    "from_odrl",
    "may_carry",
    "nearest_names",
    "parse_license",
    "parse_scope",
    "parse_use",
    "read_ingredient",
    "read_policy",
    "read_terms",
    "resolve_license",
    "split_kind",
    "take_ingredient",
    "to_odrl",
    "weigh_together",
    "word_terms",
]
