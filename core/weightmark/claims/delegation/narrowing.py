"""Narrowings: what a block of a token takes away, as checks that a machine makes and as words.

Not promised: every check that a token can hold. What has no words here is not accepted at all: a person could
not read it, and it could take for ever.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from weightmark.encoding import format_time, parse_time
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability
from weightmark.licensing.decision import ReasonCode

MOST_NAME: Final = 256
"""Characters of a name in a token."""

_NAME: Final = re.compile(r'[^"\\]*\Z')
_LABEL_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a token is good for; what is not named stays as it was.

    Args:
        party: for whom; empty for whoever it was for.
        capabilities: what for; None for all.
        purposes: for which purposes; empty for any.
        models: for models with one of these digests; empty for the grant's own.
        start: the first moment, with a zone; None for none.
        until: the first moment after it, with a zone; None for none. Both count in whole seconds.
        job: in which job; empty for any.
        bounds: at most how many units, by name, counted for this token and all narrowed from it.

    Raises:
        MalformedError: a name cannot stand in a token, a bound is negative, or the end not after the start.
        ValueError: a time has no zone.
    """

    party: str = ""
    capabilities: frozenset[Capability] | None = None
    purposes: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    start: datetime | None = None
    until: datetime | None = None
    job: str = ""
    bounds: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        for name in (self.party, self.job, *self.purposes, *self.models, *self.bounds):
            if len(name) > MOST_NAME or not name.isprintable() or not _NAME.match(name):
                raise MalformedError(
                    f"{name[:80]!r} cannot stand in a token",
                    hint=f"Use at most {MOST_NAME} characters that print, without quotes and backslashes.",
                )
        if any(not name or not 0 <= limit < 1 << 63 for name, limit in self.bounds.items()):
            raise MalformedError("a bound of a token is negative, too large or has no name")
        if self.start is not None and self.until is not None and self.until <= self.start:
            raise MalformedError("the token's end is not after its start")
        for moment in (self.start, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a time without a zone is no time")

    def below(self, party: str) -> "Narrowing":
        """Name the party below another, as a folder lies in a folder: ``acme`` and ``ci`` are ``acme/ci``.

        Raises:
            MalformedError: the name becomes too long.
        """
        if not self.party or self.party == party or self.party.startswith(f"{party}/"):
            return self
        return replace(self, party=f"{party}/{self.party}")

    def checks(self) -> list[tuple[str, dict[str, Any]]]:
        """Give the checks, as Datalog with its values apart.

        Raises:
            Nothing.
        """
        checks: list[tuple[str, dict[str, Any]]] = []
        if self.party:
            checks.append((_PARTY, {"party": self.party, "below": f"{self.party}/"}))
        if self.capabilities is not None:
            checks.append((_CAPABILITIES, {"names": {str(item.value) for item in self.capabilities}}))
        if self.purposes:
            checks.append((_PURPOSES, {"names": set(self.purposes)}))
        if self.models:
            checks.append((_MODELS, {"digests": set(self.models)}))
        if self.start is not None:
            checks.append((_START, {"start": self.start}))
        if self.until is not None:
            checks.append((_UNTIL, {"until": self.until}))
        if self.job:
            checks.append((_JOB, {"job": self.job}))
        for name, limit in sorted(self.bounds.items()):
            label = secrets.token_hex(_LABEL_BYTES)
            checks.append((_UNITS, {"label": label, "name": name, "limit": limit}))
        return checks


_PARTY: Final = "party({party}); check if asked_by($p), $p == {party} || $p.starts_with({below});"
_CAPABILITIES: Final = "check all asked_capability($c), {names}.contains($c);"
_PURPOSES: Final = "check if asked_purpose($p), {names}.contains($p);"
_MODELS: Final = "check if asked_model($m), {digests}.contains($m);"
_START: Final = "check if time($t), $t >= {start};"
_UNTIL: Final = "check if time($t), $t < {until};"
_JOB: Final = "check if asked_job({job});"
_UNITS: Final = "check if asked_units({label}, {name}, $n), $n <= {limit};"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One check, in words.

    Attributes:
        sentence: what it asks for.
        code: why a request is refused that does not meet it.
        label: what its units are counted under within its block; empty when it counts none.
        unit: what it counts.
        limit: how many at most.
        until: the moment before which it holds; None when it is about something else.
        job: the job that it asks for; empty when it asks for none.
    """

    sentence: str
    code: ReasonCode
    label: str = ""
    unit: str = ""
    limit: int = 0
    until: datetime | None = None
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """A block in words.

    Attributes:
        rules: its checks, in order.
        party: the party it names; empty when it names none.
    """

    rules: tuple[Wording, ...]
    party: str = ""


def is_known(source: str, *, first: bool) -> bool:
    """Say whether a block holds only what is known here.

    Args:
        source: its Datalog, one statement a line.
        first: whether it is a token's first block, which carries the grant.

    Raises:
        Nothing.
    """
    lines = source.splitlines()
    return all(
        not line
        or _PARTY_FACT.match(line)
        or (first and _FIRST_FACT.match(line))
        or any(pattern.match(line) for pattern, _ in _WORDS)
        for line in lines
    )


def read_block(source: str) -> Worded:
    """Put a block into words.

    Args:
        source: its Datalog, of which everything is known.

    Raises:
        Nothing.
    """
    lines = source.splitlines()
    parties = [match[1] for line in lines if (match := _PARTY_FACT.match(line))]
    own = [match[1] for line in lines if (match := _WORDS[0][0].match(line))]
    rules = tuple(
        say(match) for line in lines for pattern, say in _WORDS if (match := pattern.match(line)) is not None
    )
    return Worded(rules=rules, party=parties[0] if parties == own and len(own) == 1 else "")


def _raw(sentence: str) -> Wording:
    return Wording(sentence=sentence, code=ReasonCode.GRANT_TOO_NARROW)


def _narrow(before: str, group: int = 1) -> Callable[[re.Match[str]], Wording]:
    return lambda match: _raw(f"{before} {match[group].replace(chr(34), '')}.")


def _job(match: re.Match[str]) -> Wording:
    sentence = f"Only in the job {match[1]}."
    return Wording(sentence=sentence, code=ReasonCode.GRANT_TOO_NARROW, job=match[1])


def _start(match: re.Match[str]) -> Wording:
    moment = parse_time(match[1])
    return Wording(sentence=f"From {format_time(moment)}.", code=ReasonCode.GRANT_NOT_YET_VALID)


def _until(match: re.Match[str]) -> Wording:
    moment = parse_time(match[1])
    sentence = f"Before {format_time(moment)}."
    return Wording(sentence=sentence, code=ReasonCode.GRANT_EXPIRED, until=moment)


def _units(match: re.Match[str]) -> Wording:
    label, unit, limit = match[1], match[2], int(match[3])
    sentence = f"At most {limit} {unit}, counted for this token and all that were narrowed from it."
    return Wording(sentence=sentence, code=ReasonCode.QUOTA_EXCEEDED, label=label, unit=unit, limit=limit)


def _purposes(match: re.Match[str]) -> Wording:
    names = match[1].replace('"', "")
    return Wording(sentence=f"Only for the purpose {names}.", code=ReasonCode.PURPOSE_NOT_GRANTED)


_TEXT: Final = r'"([^"\\]*)"'
_TEXTS: Final = r'\{("[^"\\]*"(?:, "[^"\\]*")*)\}'
_TIME: Final = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
_FIRST_FACT: Final = re.compile(
    r'(grant\("sha256:[0-9a-f]{64}"\)|(statement|edition)\(hex:[0-9a-f]+\)'
    r'|signed\("[0-9a-f]{64}", hex:[0-9a-f]+\));\Z'
)
_PARTY_FACT: Final = re.compile(rf"party\({_TEXT}\);\Z")
_WORDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Wording]], ...]] = tuple(
    (re.compile(pattern + r";\Z"), say)
    for pattern, say in (
        (
            rf'check if asked_by\(\$p\), \$p == {_TEXT} \|\| \$p\.starts_with\("\1/"\)',
            _narrow("Only for"),
        ),
        (rf"check all asked_capability\(\$c\), {_TEXTS}\.contains\(\$c\)", _narrow("Only to")),
        (rf"check if asked_model\(\$m\), {_TEXTS}\.contains\(\$m\)", _narrow("Only the model")),
        (rf"check if asked_job\({_TEXT}\)", _job),
        (rf"check if asked_purpose\(\$p\), {_TEXTS}\.contains\(\$p\)", _purposes),
        (rf"check if time\(\$t\), \$t >= {_TIME}", _start),
        (rf"check if time\(\$t\), \$t < {_TIME}", _until),
        (rf"check if asked_units\({_TEXT}, {_TEXT}, \$n\), \$n <= (\d+)", _units),
    )
)
