"""Requests to Cedar: one case of a question, as entities and a context.

The types are those of ``weightmark.cedarschema``, beside this file.
"""

from datetime import UTC, datetime
from typing import Any, Final

from weightmark.licensing.action import Action
from weightmark.licensing.organisation.case import Case

_PARENTS: Final[dict[Action, list[dict[str, str]]]] = {
    action: [
        {"type": "Action", "id": group}
        for group, holds in (
            ("use", bool(action.needs)),
            ("production", action.production),
            ("recording", not action.needs),
        )
        if holds
    ]
    for action in Action
}


def write_request(case: Case) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write a case for Cedar.

    Returns:
        The request and the entities that it speaks of.

    Raises:
        Nothing.
    """
    asked, decision = case.question.request, case.question.decision
    first = case.question.works[0] if case.question.works else case.work
    party = {"type": "Party", "id": asked.party.name}
    action = {"type": "Action", "id": asked.action.value}
    model = {"type": "Model", "id": case.work.subject or case.work.name}
    context = {
        "at": {"__extn": {"fn": "datetime", "arg": _moment(asked.at)}},
        "purpose": asked.purpose,
        "outcome": decision.outcome.value,
        "code": decision.code.value,
        "model": first.name,
        "model_digest": first.subject or "",
    }
    entities: list[dict[str, Any]] = [
        {
            "uid": party,
            "attrs": {"name": asked.party.name, "commercial": asked.party.commercial},
            "parents": [],
        },
        {"uid": action, "attrs": {}, "parents": _PARENTS[asked.action]},
        {
            "uid": model,
            "attrs": _attributes(case),
            "parents": [{"type": "Licence", "id": name} for name in case.facts.ids],
        },
    ]
    return {"principal": party, "action": action, "resource": model, "context": context}, entities


def _attributes(case: Case) -> dict[str, Any]:
    work, facts, grant = case.work, case.facts, case.grant
    return {
        "name": work.name,
        "digest": work.subject or "",
        "weights": work.weights or "",
        "relation": work.relation.value,
        "registered": work.subject is not None,
        "owner": "" if work.presumed else work.owner,
        "ours": bool(work.owner) and not work.presumed and work.owner == case.question.own,
        "granted": grant is not None,
        "granted_commercial": grant is not None and grant.grant.commercial,
        "license": facts.text,
        "licences": list(facts.ids),
        "known": facts.known,
        "commercial": facts.commercial,
        "duties": sorted(facts.duties),
        "conditions": sorted(facts.conditions),
        "permits": sorted(facts.permits),
        "worldwide": facts.territory is None,
        "territory": sorted(facts.territory or ()),
    }


def _moment(at: datetime) -> str:
    """Write a time as Cedar reads it: to the millisecond."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
