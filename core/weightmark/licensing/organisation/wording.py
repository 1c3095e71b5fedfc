"""Wording: the rules of a policy as plain sentences.

Not promised: the rules themselves; what is decided follows from the file.
"""

from weightmark.encoding import format_time
from weightmark.licensing.action import Action
from weightmark.licensing.organisation.naming import GROUPS
from weightmark.licensing.organisation.pattern import Choosing, Pattern
from weightmark.licensing.organisation.policy import Effect, Exemption, Need, OrganisationPolicy, Rule, Span
from weightmark.licensing.sentence import show
from weightmark.licensing.window import Window

_NEEDS = {
    Need.REGISTERED: "must be registered",
    Need.KNOWN_LICENCE: "must be under a licence for which there are rules",
    Need.COMMERCIAL: "must permit commercial use",
}


def word_rule(rule: Rule) -> str:
    """Write a rule as one sentence.

    Raises:
        Nothing.
    """
    who = "the model and all it stands on" if rule.span is Span.LINEAGE else "the model"
    what = "it is refused" if rule.effect is Effect.DENY else "it warns"
    if rule.never:
        return f"For {_actions(rule.actions)}, whatever the model is, {what}{_when(rule.window)}."
    granted = " (or be held by a grant)" if rule.granted else ""
    unknown = "; what cannot be known passes" if rule.unknown else ""
    demands = " and ".join(_demands(rule))
    return (
        f"For {_actions(rule.actions)}, {who} {demands}{granted}; else {what}{unknown}{_when(rule.window)}."
    )


def word_exemption(exemption: Exemption) -> str:
    """Write an exception as one sentence.

    Raises:
        Nothing.
    """
    parts = [_names(exemption.models)] if exemption.models else []
    if exemption.owners:
        parts.append(f"models of {_names(exemption.owners)}")
    actions = f" to {_actions(exemption.actions)}" if exemption.actions else ""
    because = f": {show(exemption.because).rstrip('.')}" if exemption.because else ""
    return f"Lets pass {' and '.join(parts)}{actions}{_when(exemption.window)}{because}."


def word_policy(policy: OrganisationPolicy) -> list[str]:
    """Write a policy, a rule in each line.

    Raises:
        Nothing.
    """
    lines: list[str] = []
    for rule in policy.rules:
        lines.append(f"{rule.id}: {word_rule(rule)}")
        lines += [f"  {word_exemption(exemption)}" for exemption in rule.exemptions]
    return lines


def _demands(rule: Rule) -> list[str]:
    parts = [_NEEDS[need] for need in sorted(rule.needs)]
    for choosing, kind in (
        (rule.licences, "licence"),
        (rule.owners, "owner"),
        (rule.models, "name or digest"),
    ):
        parts += _choosing(choosing, kind)
    if rule.duties:
        parts.append(f"must not demand {', '.join(sorted(rule.duties))}")
    if rule.conditions:
        parts.append(f"must not hang on {', '.join(sorted(rule.conditions))}")
    if rule.capabilities:
        parts.append(f"must permit {', '.join(sorted(rule.capabilities))}")
    if rule.territory:
        parts.append(f"must be licensed for {', '.join(sorted(rule.territory))}")
    return parts


def _choosing(choosing: Choosing, kind: str) -> list[str]:
    parts: list[str] = []
    if choosing.allow:
        parts.append(f"must have as {kind} {_names(choosing.allow)}")
    if choosing.deny:
        parts.append(f"must not have as {kind} {_names(choosing.deny)}")
    return parts


def _names(patterns: tuple[Pattern, ...]) -> str:
    return " or ".join(show(pattern.text) for pattern in patterns)


def _actions(actions: frozenset[Action]) -> str:
    for name, group in GROUPS.items():
        if actions == group:
            return name
    return ", ".join(sorted(actions))


def _when(window: Window) -> str:
    start = "" if window.start is None else f" from {format_time(window.start)}"
    return start + ("" if window.end is None else f" until {format_time(window.end)}")
