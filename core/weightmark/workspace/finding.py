"""What a round of watching found: of each version, and in all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from weightmark.encoding import Json
from weightmark.errors import Failure, WeightmarkError
from weightmark.vocabulary import SCHEMA_VERSION

TOLD: Final = 1000
"""Findings that are told by name; more are counted only."""


class State(StrEnum):
    """What a version is found to be."""

    WHOLE = "whole"
    CHANGED = "changed"
    UNTRUSTED = "untrusted"
    MISSING = "missing"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    REFUSED = "refused"
    UNREGISTERED = "unregistered"
    UNDECIDED = "undecided"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"


EXIT_CODES: Final[Mapping[State, int]] = {
    State.WHOLE: 0,
    **dict.fromkeys((State.CHANGED, State.UNTRUSTED, State.MISSING), 3),
    **dict.fromkeys((State.EXPIRED, State.REVOKED, State.SUSPENDED, State.REFUSED, State.UNREGISTERED), 4),
    **dict.fromkeys((State.UNDECIDED, State.UNREADABLE, State.UNREACHABLE), 5),
}
"""The exit code of each state; of several the least that is not 0 counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One version as a round found it.

    Attributes:
        uri: the version.
        name: the model's name on the platform.
        version: its version there.
        deployed: whether the platform says that it is in use.
        state: what it is found to be.
        was: what it was when it was last seen; empty when it was not.
        detail: why, as a sentence; empty when it is whole.
        failures: where its files differ from the registered ones.
    """

    uri: str
    name: str
    version: str
    deployed: bool
    state: State
    was: str = ""
    detail: str = ""
    failures: tuple[Failure, ...] = ()

    @property
    def is_news(self) -> bool:
        """Whether observers are told: what is no longer what it was, and what is wrong from the first."""
        if self.state is State.UNREACHABLE:
            return False
        return self.was != self.state if self.was else self.state is not State.WHOLE

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        return {
            "uri": self.uri,
            "name": self.name,
            "version": self.version,
            "deployed": self.deployed,
            "state": self.state.value,
            "was": self.was,
            "detail": self.detail,
            "failures": [
                {"path": each.path, "tensor": each.tensor, "reason": each.reason} for each in self.failures
            ],
        }


@dataclass(slots=True, kw_only=True)
class Round:
    """What one round found.

    Attributes:
        uri: what is watched.
        states: how many versions were found to be what.
        news: what is no longer what it was.
        wrong: everything that is not whole.
        error: why the round ended early; None when it did not.
        interrupted: whether it was asked to stop.
        seconds: how long it took.
    """

    uri: str
    states: Counter[State] = field(default_factory=Counter[State])
    news: list[Finding] = field(default_factory=list[Finding])
    wrong: list[Finding] = field(default_factory=list[Finding])
    error: WeightmarkError | None = None
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code of the worst finding; 5 when the round could not be ended."""
        codes = {EXIT_CODES[state] for state, count in self.states.items() if count} - {0}
        return min(codes, default=0 if self.error is None else 5)

    def note(self, finding: Finding) -> None:
        """Count a finding."""
        self.states[finding.state] += 1
        if finding.is_news and len(self.news) < TOLD:
            self.news.append(finding)
        if finding.state is not State.WHOLE and len(self.wrong) < TOLD:
            self.wrong.append(finding)

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        error: Json = None
        if self.error is not None:
            kind = type(self.error).__name__
            error = {"type": kind, "message": self.error.message, "hint": self.error.hint}
        return {
            "schema": SCHEMA_VERSION,
            "ok": self.exit_code == 0 and not self.interrupted,
            "uri": self.uri,
            "checked": self.states.total(),
            "states": {state.value: count for state, count in sorted(self.states.items())},
            "news": [finding.to_json() for finding in self.news],
            "wrong": [finding.to_json() for finding in self.wrong],
            "stopped": error,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
        }
