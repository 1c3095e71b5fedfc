"""Policies in Cedar's own language: ``forbid`` refuses, with its ``@id`` and its ``@because``.

A file without any ``permit`` only forbids. A file with one is read as Cedar reads it: what no permit allows
is refused. Neither allows what the licences refuse. What cannot be evaluated is refused.

Not promised: that a decision which depends on computed times says when it changes.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from weightmark.hookspecs import hookimpl
from weightmark.licensing.organisation.case import Case, PolicyQuestion, judge_works
from weightmark.licensing.organisation.policy import OrganisationPolicy, Ruling, Weight
from weightmark.licensing.sentence import show
from weightmark.ports import PolicyEngine
from weightmark_plugins.policies.cedar_file import NO_PERMIT, CedarRule, library, moments, read_rules
from weightmark_plugins.policies.cedar_request import write_request

_PERMIT: Final[dict[str, Any]] = {
    "effect": "permit",
    "principal": {"op": "All"},
    "action": {"op": "All"},
    "resource": {"op": "All"},
    "conditions": [],
}
_BASE: Final = "weightmark permits what nobody forbids"
_FAILED: Final = re.compile(r"policy `([^`]*)`")


class CedarEngine(PolicyEngine):
    """Policies in Cedar.

    Args:
        path: where they are written.
        rules: the policies.
    """

    name: ClassVar[str] = "cedar"

    def __init__(self, path: Path, rules: Sequence[CedarRule]) -> None:
        self._place = OrganisationPolicy(name=path.stem, file=path.name).place
        self._rules = {rule.id: rule for rule in rules}
        enforced = [rule for rule in rules if not rule.warns]
        warning = [rule for rule in rules if rule.warns]
        self._enforced = _compile(enforced, base=all(rule.forbids for rule in enforced))
        self._warning = _compile(warning, base=True) if warning else None
        self._moments = sorted({moment for rule in rules for moment in moments(rule)})

    @classmethod
    def open(cls, path: Path, data: bytes) -> Self:
        """Read and check the policies.

        Raises:
            MalformedError: they are no Cedar, or speak of what is not in the schema.
            MissingExtraError: Cedar's library is not installed.
        """
        return cls(path, read_rules(data, path.name))

    def judge(self, question: PolicyQuestion) -> tuple[Ruling, ...]:
        """Ask Cedar for each work."""
        return judge_works(question, self._weigh)

    def words(self) -> list[str]:
        """Give the policies' names and why they are there."""
        return [
            f"{rule.id}: {'warns of' if rule.warns else rule.body['effect'] + 's'} what it describes"
            + (f": {rule.because}" if rule.because else ".")
            for rule in self._rules.values()
        ]

    def _weigh(self, case: Case) -> list[Ruling]:
        at = case.question.request.at
        until = next((moment for moment in self._moments if moment > at), None)
        request, entities = write_request(case)
        # Read once for both: to read them costs more than to ask.
        known = library().Entities.from_json_str(json.dumps(entities))
        found = self._read(library().is_authorized(request, self._enforced, known), case, Weight.DENY, until)
        if self._warning is not None:
            answer = library().is_authorized(request, self._warning, known)
            found += self._read(answer, case, Weight.WARN, until)
        if not found and until is not None:
            found.append(Ruling(weight=Weight.SILENT, rule="", message="", clause="", until=until))
        return found

    def _read(self, answer: Any, case: Case, weight: Weight, until: datetime | None) -> list[Ruling]:
        name = show(case.work.name)
        found = [
            self._ruling(
                _failed_in(error), Weight.DENY, f"cannot be evaluated for {name!r}: {error}", case, until
            )
            for error in answer.diagnostics.errors
        ]
        if answer.allowed:
            return found
        reasons: Iterable[str] = answer.diagnostics.reasons
        for rule in sorted(reasons):
            because = self._rules[rule].because
            found.append(
                self._ruling(
                    rule, weight, f"stands against {name!r}{f': {because}' if because else ''}", case, until
                )
            )
        if not found:
            message = f"is what is left for {name!r}: no permit of the policy fits"
            found.append(self._ruling(NO_PERMIT, weight, message, case, until))
        return found

    def _ruling(self, rule: str, weight: Weight, message: str, case: Case, until: datetime | None) -> Ruling:
        known = self._rules.get(rule)
        ask = (
            ""
            if known is None or not known.ask
            else f"Ask {show(known.ask)} for an exception from the rule {rule}."
        )
        return Ruling(
            weight=weight,
            rule=rule,
            message=f"The rule {show(rule)} {message.rstrip('.')}.",
            clause=self._place(rule, 0 if known is None else known.line),
            work=case.work.name,
            hint=ask,
            until=until,
        )


@hookimpl
def weightmark_policies() -> list[type[PolicyEngine]]:
    """Offer Cedar."""
    return [CedarEngine]


def _compile(rules: Sequence[CedarRule], *, base: bool) -> Any:
    bodies: dict[str, object] = {rule.id: rule.body for rule in rules}
    if base:
        bodies[_BASE] = _PERMIT
    document: dict[str, Any] = {"templates": {}, "staticPolicies": bodies, "templateLinks": []}
    return library().PolicySet.from_json_str(json.dumps(document))


def _failed_in(error: str) -> str:
    found = _FAILED.search(error)
    return found[1] if found else "that failed"
