"""Reading the policy of an organisation from TOML, strictly: what is not understood is an error.

Not here: whether rules contradict one another; see ``organisation_checking``.
"""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final, TypeVar, cast

from weightmark.encoding import Json, Record, format_time, parse_time
from weightmark.errors import MalformedError
from weightmark.licensing.organisation.naming import (
    one_of,
    read_actions,
    read_capabilities_of,
    read_choosing,
    read_conditions,
    read_duties,
    read_licences,
    read_patterns,
    read_territory,
)
from weightmark.licensing.organisation.place import RuleLines, find_lines
from weightmark.licensing.organisation.policy import Effect, Exemption, Need, OrganisationPolicy, Rule, Span
from weightmark.licensing.window import Window

MAX_POLICY: Final = 1 << 18
"""Bytes of a policy's file."""
MAX_RULES: Final = 1_000
LONGEST_ID: Final = 80
"""Characters of a rule's id."""
_HINT: Final = "Mend the policy; until then every gate refuses. `weightmark policy check FILE` reads it."
_Member = TypeVar("_Member", bound=StrEnum)


def read_policy(data: bytes, *, file: str) -> OrganisationPolicy:
    """Read a policy.

    Args:
        data: TOML.
        file: its name, for messages and for where a rule is written.

    Raises:
        MalformedError: it is no TOML, or has a key, a licence, an owner, a date or a rule that makes no
            sense; the message names the file, the line and the rule.
    """
    document, text = read_toml(data, file)
    try:
        return _read(Record(document, file), file, find_lines(text, document))
    except MalformedError as error:
        hint = _HINT if error.hint == MalformedError.default_hint else error.hint
        raise MalformedError(error.message, hint=hint) from error


def read_toml(data: bytes, file: str) -> tuple[Json, str]:
    """Read TOML, with its dates and times as texts in UTC.

    Returns:
        What it says, and its text.

    Raises:
        MalformedError: it is too long, or no TOML.
    """
    if len(data) > MAX_POLICY:
        raise MalformedError(f"{file} has more than {MAX_POLICY} bytes, the most of a policy", hint=_HINT)
    try:
        text = data.decode("utf-8")
        return _plain(tomllib.loads(text)), text
    except (RecursionError, OverflowError, ValueError) as error:
        raise MalformedError(f"{file} is no TOML that can be read: {error}", hint=_HINT) from error


def _read(record: Record, file: str, lines: Sequence[RuleLines]) -> OrganisationPolicy:
    name = record.text("name", "the organisation")
    ours = frozenset(record.texts("ours", required=False))
    ask, unknown = record.text("ask", ""), _read_unknown(record, default=False)
    if "" in ours or (record.has("ours") and not ours):
        raise MalformedError(f"'ours' in {file} names nobody", hint="Name the organisation as an owner.")
    if not name.strip():
        raise MalformedError(f"'name' in {file} is empty")
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for position, each in enumerate(record.records("rule", required=False)):
        if position >= MAX_RULES:
            raise MalformedError(f"{file} has more than {MAX_RULES} rules")
        rule = _read_rule(each, file, lines[position], ask=ask, unknown=unknown)
        if rule.id in seen:
            first = f", as the rule in line {seen[rule.id]}" if seen[rule.id] else " for the second time"
            raise MalformedError(f"{_at(file, rule.line)}: a rule is named {rule.id!r}{first}")
        seen[rule.id] = rule.line
        rules.append(rule)
    record.done()
    if not rules:
        raise MalformedError(f"{file} has no rule", hint="Write one: [[rule]], with an id and a demand.")
    return OrganisationPolicy(name=name, file=file, ours=ours, rules=tuple(rules))


def _read_rule(record: Record, file: str, lines: RuleLines, *, ask: str, unknown: bool) -> Rule:
    identifier = record.text("id", "")
    if not identifier or not identifier.isprintable() or len(identifier) > LONGEST_ID:
        raise MalformedError(
            f"{_at(file, lines.line)}: a rule has no 'id' of 1 to {LONGEST_ID} printable characters"
        )
    record.what = f"{_at(file, lines.line)}: rule {identifier}"
    never = record.boolean("never", default=False)
    span = Span.MODEL if never else Span.LINEAGE
    rule = Rule(
        id=identifier,
        actions=read_actions(record, "when"),
        span=_member(record, "of", Span, span),
        licences=read_licences(record, "licences"),
        owners=read_choosing(record, "owners"),
        models=read_choosing(record, "models"),
        duties=read_duties(record),
        conditions=read_conditions(record),
        capabilities=read_capabilities_of(record),
        territory=read_territory(record),
        needs=frozenset(_members(record, "require", Need)),
        never=never,
        granted=record.boolean("unless-granted", default=False),
        unknown=_read_unknown(record, default=unknown),
        effect=_member(record, "effect", Effect, Effect.DENY),
        because=record.text("because", ""),
        ask=record.text("ask", ask),
        window=_read_window(record, needed=False),
        exemptions=tuple(
            _read_exemption(each, lines.of_exemption(position), record.what)
            for position, each in enumerate(record.records("except", required=False))
        ),
        line=lines.line,
    )
    record.done()
    _check(rule, record, said=record.has("unknown"))
    return rule


def _check(rule: Rule, record: Record, *, said: bool) -> None:
    what = record.what
    if not rule.demands:
        raise MalformedError(
            f"{what} demands nothing",
            hint="Say what must hold (licences, owners, models, require, …), or that it is `never` done.",
        )
    others = rule.weighs_licence or rule.owners or rule.models or rule.needs
    if rule.never and others:
        raise MalformedError(f"{what} says never, so its other demands mean nothing")
    if rule.granted and not rule.weighs_licence:
        raise MalformedError(f"{what} says unless-granted, and asks nothing of a licence")
    if rule.unknown and Need.KNOWN_LICENCE in rule.needs and said:
        raise MalformedError(f"{what} requires known-licence, and lets what is unknown pass")
    _check_choosing(rule, what)
    for exemption in rule.exemptions:
        _check_exemption(rule, exemption, what)


def _check_choosing(rule: Rule, what: str) -> None:
    for choosing, key in ((rule.licences, "licences"), (rule.owners, "owners"), (rule.models, "models")):
        for allowed in (pattern for pattern in choosing.allow if pattern.is_exact):
            text = allowed.text.lower() if allowed.folded else allowed.text
            if denied := choosing.denied({text, *allowed.also}):
                raise MalformedError(
                    f"{what} allows {allowed.text!r} in its {key}, and denies it by {denied.text!r}"
                )


def _check_exemption(rule: Rule, exemption: Exemption, what: str) -> None:
    start, end = exemption.window.start, exemption.window.end
    if exemption.actions - rule.actions:
        beyond = ", ".join(sorted(exemption.actions - rule.actions))
        raise MalformedError(f"{what} has an exception for {beyond}, which the rule does not reach")
    before = rule.window.start is not None and end is not None and end <= rule.window.start
    after = rule.window.end is not None and start is not None and start >= rule.window.end
    if before or after:
        raise MalformedError(f"{what} has an exception outside the time in which the rule holds")


def _read_exemption(record: Record, line: int, what: str) -> Exemption:
    record.what = f"an exception{f' (line {line})' if line else ''} of {what}"
    exemption = Exemption(
        models=read_patterns(record, "models"),
        owners=read_patterns(record, "owners"),
        actions=read_actions(record, "when") if record.has("when") else frozenset(),
        window=_read_window(record, needed=True),
        because=record.text("because", ""),
        line=line,
    )
    record.done()
    if not exemption.models and not exemption.owners:
        raise MalformedError(f"{record.what} names no models and no owners")
    return exemption


def _read_window(record: Record, *, needed: bool) -> Window:
    start, end = read_moment(record, "from"), read_moment(record, "until")
    if needed and end is None:
        raise MalformedError(
            f"{record.what} has no 'until'", hint="Every exception ends: until = 2027-06-30, for example."
        )
    try:
        return Window(start=start, end=end)
    except ValueError:
        raise MalformedError(f"{record.what} ends ({end}) before it begins ({start})") from None


def read_moment(record: Record, key: str) -> datetime | None:
    """Read a time, or a day, which stands for its first moment; None when it is missing.

    Raises:
        MalformedError: it is neither.
    """
    if not record.has(key):
        return None
    text = record.text(key)
    what = f"{key!r} in {record.what}"
    return parse_time(text if "T" in text else f"{text}T00:00:00Z", what=what)


def _read_unknown(record: Record, *, default: bool) -> bool:
    return (
        _member(record, "unknown", _Unknown, _Unknown.ALLOW if default else _Unknown.DENY) is _Unknown.ALLOW
    )


class _Unknown(StrEnum):
    DENY = "deny"
    ALLOW = "allow"


def _member(record: Record, key: str, kind: type[_Member], default: _Member) -> _Member:
    return one_of(record.text(key, default), kind, f"{key!r} in {record.what}")


def _members(record: Record, key: str, kind: type[_Member]) -> Iterator[_Member]:
    for text in record.texts(key, required=False):
        yield one_of(text, kind, f"{key!r} in {record.what}")


def _at(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def _plain(value: object) -> Json:
    """Write the dates of TOML as texts, so that what is left is JSON."""
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return {key: _plain(each) for key, each in table.items()}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[object]", value)]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no zone; write a Z after it")
        return format_time(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return cast("Json", value)
