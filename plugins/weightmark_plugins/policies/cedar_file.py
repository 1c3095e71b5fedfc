"""Files of Cedar: their policies by name, each with what its annotations say.

Nothing is evaluated here. Source: the Cedar policy language, its JSON format and its annotations.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

from weightmark.errors import MalformedError, MissingExtraError
from weightmark.licensing.expression import parse_license

NO_PERMIT = "no-permit"
"""The rule that speaks when a file holds permits, and none of them fits."""
_HINT = "Mend the policy; until then every gate refuses. `weightmark policy check FILE` reads it."
MAX_DEPTH: Final = 64
"""Brackets within brackets, in one policy."""
MAX_OPERATORS: Final = 300
"""Operators and dots in one policy; what they join is nested, too."""
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*')
_BRACKET: Final = re.compile(r"[][(){}]")
_OPERATOR: Final = re.compile(r"&&|\|\||[-+*!.<>=]|\b(?:if|like|has|in|is)\b")
_ID = re.compile(r'^[^/\n]*@id\s*\(\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarRule:
    """One policy of a file.

    Attributes:
        id: what ``@id`` says, or the name that Cedar gives it.
        body: the policy, in Cedar's JSON.
        warns: whether ``@effect("warn")`` stands before it.
        because: what ``@because`` says.
        ask: what ``@ask`` says.
        line: where it is written, from 1; 0 when that is not known.
    """

    id: str
    body: Mapping[str, Any]
    warns: bool = False
    because: str = ""
    ask: str = ""
    line: int = 0

    @property
    def forbids(self) -> bool:
        """Whether it forbids; else it permits."""
        return str(self.body["effect"]) == "forbid"


def library() -> Any:
    """Give Cedar's library.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import cedarpy
    except ImportError as error:
        raise MissingExtraError("cedar") from error
    return cedarpy


@cache
def schema_text() -> str:
    """Give the schema that policies are checked against."""
    return files("weightmark_plugins.policies").joinpath("weightmark.cedarschema").read_text(encoding="utf-8")


def read_rules(data: bytes, file: str) -> tuple[CedarRule, ...]:
    """Read and check the policies of a file.

    Raises:
        MalformedError: it is no Cedar, speaks of what the schema does not have, or names a licence that is
            none; the message names the file and the policy.
        MissingExtraError: Cedar's library is not installed.
    """
    cedar = library()
    try:
        text = data.decode("utf-8")
        _bound(text, file)
        document: Any = json.loads(cedar.policies_to_json_str(text))
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{file} is no policy in Cedar: {error}", hint=_HINT) from error
    if document["templates"]:
        raise MalformedError(f"{file} holds templates, which nothing here fills in", hint=_HINT)
    lines = _lines(text)
    rules = [_rule(name, body, lines) for name, body in document["staticPolicies"].items()]
    names = {rule.id: rule for rule in rules}
    if not rules:
        raise MalformedError(
            f"{file} holds no policy", hint="Write one: forbid (principal, action, resource);"
        )
    if len(names) < len(rules):
        twice = next(rule.id for rule in rules if names[rule.id] is not rule)
        raise MalformedError(f"{file} has two policies of the @id {twice!r}", hint=_HINT)
    _validate(cedar, text, file)
    for rule in rules:
        _check(rule, file)
    return tuple(rules)


def _bound(text: str, file: str) -> None:
    """Refuse what is nested deeper than Cedar's parser can take, before it is given to it."""
    for policy in _QUOTED.sub("", text).split(";"):
        depth = 0
        for mark in _BRACKET.findall(policy):
            depth += 1 if mark in "([{" else -1
            if depth > MAX_DEPTH:
                raise MalformedError(f"{file} has a policy nested deeper than {MAX_DEPTH} levels", hint=_HINT)
        if sum(1 for _ in _OPERATOR.finditer(policy)) > MAX_OPERATORS:
            raise MalformedError(
                f"{file} has a policy of more than {MAX_OPERATORS} operators", hint="Write it as several."
            )


def moments(rule: CedarRule) -> Iterator[datetime]:
    """Give the times that a policy speaks of, in UTC."""
    for node in _nodes(rule.body):
        for text in re.findall(r"'Value': '([^']*)'", str(node.get("datetime", ""))):
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                continue
            yield (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _rule(name: str, body: Mapping[str, Any], lines: Mapping[str, int]) -> CedarRule:
    notes: Mapping[str, str | None] = body.get("annotations") or {}
    identifier = notes.get("id") or name
    return CedarRule(
        id=identifier,
        body={key: value for key, value in body.items() if key != "annotations"},
        warns=notes.get("effect") == "warn",
        because=notes.get("because") or "",
        ask=notes.get("ask") or "",
        line=lines.get(identifier, 0),
    )


def _lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    line, place = 1, 0
    for match in _ID.finditer(text):
        line += text.count("\n", place, match.start(1))
        place = match.start(1)
        found.setdefault(match[1], line)
    return found


def _validate(cedar: Any, text: str, file: str) -> None:
    result = cedar.validate_policies(text, schema_text())
    if result.validation_passed:
        return
    ids: Mapping[str, str] = result.id_annotations_by_policy_id
    wrong = result.errors[0]
    name = ids.get(wrong.policy_id) or wrong.policy_id or "a policy"
    message = re.sub(r"for policy `[^`]*`, ", "", str(wrong.error))
    raise MalformedError(
        f"{file}: {name}: {message}",
        hint="What a policy may speak of stands in weightmark_plugins/policies/weightmark.cedarschema.",
    )


def _check(rule: CedarRule, file: str) -> None:
    where = f"{file}:{rule.line}: policy {rule.id}" if rule.line else f"{file}: policy {rule.id}"
    if rule.warns and not rule.forbids:
        raise MalformedError(f"{where} is a permit; only a forbid can warn", hint=_HINT)
    for node in _nodes(rule.body):
        if node.get("type") == "Licence":
            try:
                parse_license(str(node.get("id")))
            except MalformedError as error:
                raise MalformedError(f"{where}: {error.message}", hint=error.hint) from error


def _nodes(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    left: list[Any] = [body]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            node = cast("Mapping[str, Any]", value)
            yield node
            left += node.values()
        elif isinstance(value, list):
            left += value
