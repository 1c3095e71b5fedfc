"""Policies as they are written: what is not understood is an error; rules are checked against each other."""

from datetime import UTC, datetime

import pytest

from weightmark.errors import MalformedError
from weightmark.licensing import read_policy
from weightmark.licensing.organisation.checking import find_faults
from weightmark.licensing.organisation.pattern import Pattern
from weightmark.licensing.organisation.wording import word_policy

AT = datetime(2026, 11, 22, tzinfo=UTC)
RULE = '[[rule]]\nid = "r"\n'
PUSH = f"{RULE}never = true\nwhen = ['push']\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "p.toml has no rule", "Write one"),
        ("x = ", "p.toml is no TOML", "Mend"),
        ("a = " + "[" * 100_000, "p.toml is no TOML", "Mend"),
        ("colour = 1", "unknown fields: colour", "Mend"),
        ("rule = 3", "'rule' in p.toml must be a list", "Mend"),
        ("rule = [3]", r"rule\[0\] in p.toml must be an object", "Mend"),
        ("[[rule]]\nnever = true", "p.toml:1: a rule has no 'id'", "Mend"),
        (RULE, "p.toml:1: rule r demands nothing", "Say what must hold"),
        (f"\n\n{RULE}licenses = 1\nnever = true", "p.toml:3: rule r has unknown fields: licenses", "Mend"),
        (
            f"{RULE}never = true\n{RULE}never = true",
            "p.toml:4: a rule is named 'r', as the rule in line 1",
            "Mend",
        ),
        (f'{RULE}never = true\nrequire = ["registered"]', "says never, so its other demands", "Mend"),
        (f'{RULE}licences.deny = ["apach-2.0"]', "p.toml:1: rule r.*'apach-2.0' is no SPDX", "Apache-2.0"),
        (f'{RULE}licences.deny = ["apachee-*"]', "rule r.*'apachee-\\*', which is no licence", "There are"),
        (f'{RULE}licences.deny = ["MIT OR ISC"]', "name each licence by itself", "Mend"),
        (f"{RULE}licences.deny = []", "'deny' in p.toml:1: rule r, licences is empty", "Take it out"),
        (f'{RULE}licences.deny = [" "]', "has a name that is empty", "Mend"),
        (f'{RULE}licences = "MIT"', "must be an object", "Mend"),
        (f'{RULE}licences.forbid = ["MIT"]', "neither allows nor denies|unknown fields: forbid", "Mend"),
        (
            f'{RULE}licences.allow = ["MIT"]\nlicences.deny = ["mit"]',
            "allows 'MIT' .* denies it by 'mit'",
            "Mend",
        ),
        (f'{RULE}licences.allow = ["mit"]\nlicences.deny = ["M*"]', "denies it by", "Mend"),
        (f'{RULE}owners.allow = ["a"]\nowners.deny = ["a"]', "in its owners, and denies it", "Mend"),
        (f'{RULE}when = ["deplo"]\nnever = true', "'deplo', which is no action", "Did you mean deploy"),
        (f"{RULE}when = []\nnever = true", "reaches nothing", "Mend"),
        (f'{RULE}duties.deny = ["copylift"]', "which is no duty", "Did you mean copyleft"),
        (f'{RULE}conditions.deny = ["large-usr"]', "which is no condition", "Did you mean large-user"),
        (f'{RULE}capabilities.require = ["fly"]', "which is not a capability", "fine-tune"),
        (f'{RULE}territory.require = ["Germany"]', "no country's code", "DE"),
        (f'{RULE}require = ["owned"]', "is 'owned', not one of registered", "Mend"),
        (f'{RULE}never = true\neffect = "log"', "not one of deny, warn", "Mend"),
        (f'{RULE}never = true\nof = "all"', "not one of lineage, model", "Mend"),
        (f'{RULE}never = true\nunknown = "maybe"', "not one of deny, allow", "Mend"),
        (f'{RULE}require = ["known-licence"]\nunknown = "allow"', "lets what is unknown pass", "Mend"),
        (f"{RULE}owners.allow = ['a']\nunless-granted = true", "asks nothing of a licence", "Mend"),
        (f"{RULE}never = true\nfrom = 2027-01-01\nuntil = 2026-01-01", "before it begins", "Mend"),
        (f"{RULE}never = true\nfrom = 2027-01-01T10:00:00", "no zone", "Mend"),
        (f'{RULE}never = true\nfrom = "soon"', "not a UTC time", "Mend"),
        (f"{RULE}never = true\nfrom = 10:00:00", "not a UTC time", "Mend"),
        (f"{RULE}never = true\nfrom = 0001-01-01T00:00:00+10:00", "no TOML that can be read", "Mend"),
        (
            f"{RULE}never = true\n[[rule.except]]\nmodels = ['x']",
            r"an exception \(line 4\) .* no 'until'",
            "Every",
        ),
        (f"{RULE}never = true\n[[rule.except]]\nuntil = 2027-01-01", "names no models and no owners", "Mend"),
        (
            f"{RULE}never = true\nfrom = 2027-01-01\n[[rule.except]]\nmodels = ['x']\nuntil = 2026-12-01",
            "an exception outside the time",
            "Mend",
        ),
        (
            f"{PUSH}[[rule.except]]\nmodels = ['x']\nwhen = ['load']\nuntil = 2027-01-01",
            "an exception for load, which the rule does not reach",
            "Mend",
        ),
        (f"ours = []\n{RULE}never = true", "names nobody", "Name"),
        (f"name = ' '\n{RULE}never = true", "'name' in p.toml is empty", "Mend"),
        ("x" * (1 << 19), "more than 262144 bytes", "Mend"),
    ],
)
def test_what_is_not_understood_is_an_error_that_says_where(text, message, hint):
    with pytest.raises(MalformedError, match=message) as caught:
        read_policy(text.encode(), file="p.toml")
    assert hint in caught.value.hint
    assert "p.toml" in caught.value.message


def test_text_that_is_none_is_an_error():
    with pytest.raises(MalformedError, match=r"p\.toml is no TOML"):
        read_policy(b"\xff", file="p.toml")


def faults(text: str) -> list[tuple[str, str]]:
    return [(fault.kind, fault.rule) for fault in find_faults(read_policy(text.encode(), file="p.toml"), AT)]


def rules(*bodies: str) -> str:
    return "\n".join(f'[[rule]]\nid = "{chr(97 + place)}"\n{body}' for place, body in enumerate(bodies))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (rules('licences.allow = ["MIT"]', 'licences.deny = ["GPL-*"]'), [("dead", "b")]),
        (rules('licences.allow = ["MIT"]', 'licences.allow = ["ISC"]'), [("contradiction", "a")]),
        (rules('licences.allow = ["MIT"]', 'licences.allow = ["ISC"]\nwhen = ["log"]'), []),
        (
            rules(*(f"licences.deny = [{listed}]" for listed in ('"MIT"', '"AGPL-*"')), "never = true"),
            [("dead", "a"), ("dead", "b")],
        ),
        (rules('licences.allow = ["GPL-*"]\nduties.deny = ["copyleft"]'), [("contradiction", "a")]),
        (rules('owners.allow = ["x"]', 'owners.allow = ["y"]'), [("contradiction", "a")]),
        (rules('owners.allow = ["x"]', 'owners.allow = ["x", "y"]'), []),
        (rules('licences.deny = ["AGPL-*"]', 'licences.deny = ["AGPL-3.0"]'), [("dead", "b")]),
        (
            rules('licences.deny = ["AGPL-*"]', 'licences.deny = ["AGPL-3.0"]\neffect = "warn"'),
            [("dead", "b")],
        ),
        (rules('licences.deny = ["AGPL-*"]\neffect = "warn"', 'licences.deny = ["AGPL-*"]'), [("dead", "a")]),
        (rules('licences.deny = ["AGPL-*"]\nwhen = ["push"]', 'licences.deny = ["AGPL-*"]'), [("dead", "a")]),
        (rules('licences.deny = ["AGPL-*"]\nof = "model"', 'licences.deny = ["AGPL-3.0"]'), []),
        (rules('licences.deny = ["AGPL-*"]\nunknown = "allow"', 'licences.deny = ["AGPL-3.0"]'), []),
        (rules('require = ["registered"]', 'require = ["registered"]'), [("dead", "a")]),
        (rules("never = true\nuntil = 2026-01-01"), [("over", "a")]),
        (rules("never = true\n[[rule.except]]\nmodels = ['x']\nuntil = 2026-01-01"), [("over", "a")]),
        (rules('require = ["commercial-use-permitted"]', 'licences.deny = ["CC-BY-NC-*"]'), []),
    ],
)
def test_rules_that_contradict_or_never_matter_are_found(text, found):
    assert faults(text) == found


def test_a_fault_names_the_rule_and_the_line():
    policy = read_policy(
        rules('licences.allow = ["MIT"]', 'licences.allow = ["ISC"]').encode(), file="p.toml"
    )
    (fault,) = find_faults(policy, AT)
    assert fault.place == "the organisation policy, rule a (p.toml:1)"
    assert "rule b" in fault.message


def test_rules_are_told_as_sentences():
    policy = read_policy(
        rules(
            'when = ["production"]\nrequire = ["commercial-use-permitted"]\nlicences.deny = ["AGPL-*"]',
            "never = true\nfrom = 2027-01-01\n[[rule.except]]\nmodels = ['x']\nuntil = 2028-01-01",
        ).encode(),
        file="p.toml",
    )
    first, *others = word_policy(policy)
    assert first.startswith(
        "a: For production, the model and all it stands on must permit commercial use and"
    )
    assert first.endswith(" must not have as licence AGPL-*; else it is refused.")
    assert others == [
        "b: For use, whatever the model is, it is refused from 2027-01-01T00:00:00Z.",
        "  Lets pass x until 2028-01-01T00:00:00Z.",
    ]


def test_lines_are_left_out_where_they_cannot_be_known():
    text = 'rule = [{id = "r", never = true}]\n[other]'
    with pytest.raises(MalformedError, match="unknown fields: other"):
        read_policy(text.encode(), file="p.toml")
    policy = read_policy(b'rule = [{id = "r", never = true}]', file="p.toml")
    assert policy.place("r", policy.rules[0].line) == "the organisation policy, rule r (p.toml)"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*a", "a", False),
        ("*", "", True),
        ("*b*", "abc", True),
        ("a*b*c", "acb", False),
        ("**x**", "x", True),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("A*", "abc", False),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_does(pattern, name, fits):
    assert Pattern(text=pattern).matches(name) is fits


def test_a_hostile_pattern_takes_no_time():
    assert not Pattern(text="*a" * 400 + "b").matches("a" * 100_000)
