"""What a gate makes of a licence that gives no answer."""

from pathlib import Path

import pytest

from weightmark.errors import MalformedError
from weightmark.licensing import Action, Decision, Outcome, Reason, ReasonCode, Tier
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Gate, WhenUndecided
from weightmark.workspace.gate_mode import pass_undecided

TOLD = Reason(code=ReasonCode.NO_LICENCE, message="No licence.", hint="Set one.")
UNKNOWN = Decision(outcome=Outcome.UNDECIDED, code=ReasonCode.NO_LICENCE, reasons=(TOLD,))


@pytest.mark.parametrize(
    ("mode", "tier", "kind", "passes", "owed"),
    [
        ("refuse", "full", "deploy", False, []),
        ("closed", "full", "deploy", False, []),
        ("allow", "metadata", "deploy", True, []),
        ("open-and-log", "metadata", "deploy", True, ["log-use"]),
        ("degrade", "metadata", "deploy", False, []),
        ("degrade", "inference", "deploy", True, ["keep-to-tier"]),
        ("degrade", "inference", "push", False, []),
        ("degrade", "full", "push", True, ["keep-to-tier"]),
    ],
)
def test_each_mode_says_what_it_does(mode: str, tier: str, kind: str, passes: bool, owed: list[str]) -> None:
    gate = Gate(requires=frozenset(), undecided=WhenUndecided(mode), degrade_to=Tier(tier))
    decision = pass_undecided(gate, EventKind(kind), UNKNOWN)
    assert gate.passes_undecided(Action(kind)) is passes
    assert decision.allowed is passes
    assert decision.code == ("not-asked" if passes else "no-licence")
    assert [duty.id for duty in decision.duties] == owed
    assert decision.reasons[0] == TOLD
    assert f"The gate of {kind} {'lets pass' if passes else 'refuses'}" in decision.reasons[-1].message
    assert decision.reasons[-1].clause == f"gates.{kind}.undecided"


def read(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Gate:
    (folder / "weightmark.toml").write_text(f"[gates.deploy]\n{text}\n")
    monkeypatch.chdir(folder)
    return Configuration.load(environ={}).gates[EventKind.DEPLOY]


def test_the_settings_name_the_mode_and_the_tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = read(tmp_path, 'undecided = "degrade"\ndegrade-to = "inference"', monkeypatch)
    assert (gate.undecided, gate.degrade_to) == (WhenUndecided.DEGRADE, Tier.INFERENCE)
    assert read(tmp_path, 'undecided = "closed"', monkeypatch).undecided is WhenUndecided.REFUSE
    with pytest.raises(MalformedError, match="one of: refuse, allow, open-and-log, degrade"):
        read(tmp_path, 'undecided = "shrug"', monkeypatch)
    with pytest.raises(MalformedError, match="one of: metadata"):
        read(tmp_path, 'degrade-to = "gold"', monkeypatch)
