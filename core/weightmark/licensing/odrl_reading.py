"""Reading ODRL: terms from a policy of our profile, exactly and strictly.

Not promised: policies of other profiles. What is not understood is refused, never passed over: a constraint
that is not read would allow more than its author meant.
"""

from typing import Final
from urllib.parse import unquote

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError
from weightmark.licensing.odrl import (
    ACTIONS,
    COMMERCIAL_USE,
    DUTY_ACTIONS,
    KINDS,
    PROFILE,
    SHARE_ALIKE,
    TERMS_PREFIX,
    USUAL_DUTY,
)
from weightmark.licensing.terms import COMMERCIAL, Terms

_CAPABILITY_OF: Final = {action: capability for capability, action in ACTIONS.items()}
_LISTS: Final = {"purpose": "purposes", "spatial": "territory", "recipient": "organisations"}
_TIMES: Final = {"gteq": "start", "lt": "end"}
_FACTS: Final = {
    "dct:title": "title",
    "dct:source": "url",
    "wm:renewal": "renewal",
    "wm:price": "price",
    "wm:warranty": "warranty",
    "wm:law": "law",
}

Members = dict[str, Json]


def from_odrl(value: Json, *, what: str = "the policy") -> Terms:
    """Read terms from an ODRL policy.

    Args:
        value: what ``to_odrl`` wrote, of whatever target and parties.
        what: its name in messages.

    Raises:
        MalformedError: it is of another profile, has something that is not understood, or makes no sense.
    """
    record = Record(value, what)
    members: Members = {"clauses": {}, "id": _head(record)}
    for key, name in _FACTS.items():
        if record.has(key):
            members[name] = record.text(key)
    if record.has("wm:covers"):
        members["covers"] = list(record.texts("wm:covers"))
    if record.has("wm:graceDays"):
        members["graceDays"] = record.integer("wm:graceDays")
    shared = list(record.items("wm:constraint", required=False))
    for rule in record.records("permission", required=False):
        shared = _read_permission(rule, members, shared)
    for rule in record.records("prohibition", required=False):
        _read_prohibition(rule, members)
    for rule in record.records("obligation", required=False):
        _read_obligation(rule, members)
    for silent in record.records("wm:silence", required=False):
        _set_clause(members, silent.text("wm:topic"), silent.text("wm:clause"))
        silent.done()
    for position, constraint in enumerate(shared):
        _read_constraint(Record(constraint, f"constraint {position} in {what}"), members)
    record.done()
    return Terms.from_json(members, what=what)


def _head(record: Record) -> str:
    kind, profile, uid = record.text("@type"), record.text("profile"), record.text("uid")
    record.items("@context")
    if kind not in KINDS:
        raise MalformedError(f"{record.what} is of type {kind[:40]!r}, not one of {', '.join(KINDS)}")
    if profile != PROFILE:
        raise MalformedError(
            f"{record.what} has the profile {profile[:80]!r}, not {PROFILE}",
            hint="Only policies of this profile are read; others may mean more than is understood here.",
        )
    if not uid.startswith(TERMS_PREFIX):
        raise MalformedError(f"'uid' in {record.what} does not begin with {TERMS_PREFIX}")
    conflict = record.text("conflict", "prohibit")
    if conflict != "prohibit":
        raise MalformedError(f"'conflict' in {record.what} is {conflict[:40]!r}, not 'prohibit'")
    return unquote(uid.removeprefix(TERMS_PREFIX))


def _rule_head(rule: Record) -> str:
    rule.text("target")
    return _action_between(rule)


def _action_between(rule: Record) -> str:
    rule.text("assigner", "")
    rule.text("assignee", "")
    return rule.text("action")


def _read_permission(rule: Record, members: Members, shared: list[Json]) -> list[Json]:
    action = _rule_head(rule)
    constraints = list(rule.items("constraint", required=False))
    if action == COMMERCIAL_USE:
        _read_commerce(rule, members, commercial=True)
        return shared
    if members.get("permissions") and constraints != shared:
        raise MalformedError(f"{rule.what} has other constraints than the permissions before it")
    _read_capability(rule, members, action, "permissions")
    return constraints


def _read_prohibition(rule: Record, members: Members) -> None:
    action = _rule_head(rule)
    if action == COMMERCIAL_USE:
        _read_commerce(rule, members, commercial=False)
    elif action == "use":
        _read_restriction(rule, members)
    else:
        _read_capability(rule, members, action, "prohibitions")


def _read_commerce(rule: Record, members: Members, *, commercial: bool) -> None:
    if "commercial" in members:
        raise MalformedError(f"{rule.what} speaks of commercial use a second time")
    members["commercial"] = commercial
    _take_clause(rule, members, COMMERCIAL)


def _read_capability(rule: Record, members: Members, action: str, key: str) -> None:
    capability = _CAPABILITY_OF.get(action)
    if capability is None:
        raise MalformedError(
            f"{rule.what} has the action {action[:40]!r}, which is not understood",
            hint=f"The actions are: {', '.join(ACTIONS.values())}.",
        )
    _append(members, key, capability.value)
    _take_clause(rule, members, capability)


def _read_restriction(rule: Record, members: Members) -> None:
    constraints = list(rule.records("constraint"))
    if len(constraints) != 1:
        raise MalformedError(f"{rule.what} must have one constraint, not {len(constraints)}")
    purpose = constraints[0]
    left, operator, name = (
        purpose.text("leftOperand"),
        purpose.text("operator"),
        purpose.text("rightOperand"),
    )
    purpose.done()
    if (left, operator) != ("purpose", "eq"):
        raise MalformedError(f"{purpose.what} is not about one purpose")
    _append(members, "useRestrictions", _point(rule, name))


def _read_obligation(rule: Record, members: Members) -> None:
    action = _action_between(rule)
    if action == SHARE_ALIKE:
        members["shareAlike"] = {
            "reach": rule.text("wm:reach"),
            "outbound": list(rule.texts("wm:outbound", required=False)),
            "network": rule.boolean("wm:network", default=False),
            "clause": rule.text("wm:clause"),
        }
        rule.done()
        return
    name = rule.text("wm:duty")
    if action != DUTY_ACTIONS.get(name, USUAL_DUTY):
        raise MalformedError(
            f"{rule.what} has the action {action[:40]!r}, which is not that of {name[:40]!r}"
        )
    _append(members, "duties", _point(rule, name))


def _point(rule: Record, name: str) -> Json:
    point: Json = {
        "id": name,
        "sentence": rule.text("dct:description"),
        "clause": rule.text("wm:clause"),
    }
    rule.done()
    return point


def _read_constraint(constraint: Record, members: Members) -> None:
    left, operator = constraint.text("leftOperand"), constraint.text("operator")
    if left == "dateTime" and operator in _TIMES:
        moment = constraint.record("rightOperand")
        moment.text("@type")
        members[_TIMES[operator]] = moment.text("@value")
        moment.done()
    elif left in _LISTS and operator == "isAnyOf":
        members[_LISTS[left]] = list(constraint.texts("rightOperand"))
    elif (left, operator) == ("wm:seats", "lteq"):
        members["seats"] = constraint.integer("rightOperand")
    elif (left, operator) == ("count", "lteq"):
        bound: Json = {
            "limit": constraint.integer("rightOperand"),
            "name": constraint.text("wm:counts"),
            "unit": constraint.text("wm:unit"),
            "overage": constraint.integer("wm:overage", default=0),
        }
        _append(members, "bounds", bound)
    elif (left, operator) == ("wm:condition", "eq"):
        condition: Json = {
            "id": constraint.text("rightOperand"),
            "sentence": constraint.text("wm:sentence"),
            "clause": constraint.text("wm:clause"),
        }
        _append(members, "conditions", condition)
    else:
        raise MalformedError(
            f"{constraint.what} is about {left[:40]!r} {operator[:40]!r}, which is not understood"
        )
    constraint.done()


def _take_clause(rule: Record, members: Members, topic: str) -> None:
    place = rule.optional_text("wm:clause")
    rule.items("constraint", required=False)
    rule.done()
    if place is not None:
        _set_clause(members, topic, place)


def _set_clause(members: Members, topic: str, place: str) -> None:
    clauses = members["clauses"]
    if isinstance(clauses, dict):
        clauses[str(topic)] = place


def _append(members: Members, key: str, member: Json) -> None:
    held = members.setdefault(key, [])
    if isinstance(held, list):
        held.append(member)
