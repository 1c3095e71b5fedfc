"""Trials of a policy: cases that an organisation writes down, with what its policy should say of each.

Not promised: what a gate says. A trial asks the policy alone, about models that nobody registered.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weightmark.encoding import Digest, Json, Record, digest_bytes
from weightmark.errors import MalformedError
from weightmark.licensing import Action, Party, Relation, Request, Work, decide
from weightmark.licensing.organisation.case import PolicyQuestion
from weightmark.licensing.organisation.naming import one_of
from weightmark.licensing.organisation.policy import Ruling, Weight
from weightmark.licensing.organisation.reading import read_moment, read_toml
from weightmark.ports import PolicyEngine

MAX_TRIALS = 10_000


class Expected(StrEnum):
    """What a policy says of a case, in one word."""

    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case.

    Attributes:
        name: what it is about.
        request: what is asked.
        works: the model, and what it stands on.
        own: the name of our own party.
        expected: what the policy should say.
        rules: the rules that should say so; empty for any.
    """

    name: str
    request: Request
    works: tuple[Work, ...]
    own: str
    expected: Expected
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a trial.

    Attributes:
        trial: the case.
        found: what the policy said.
        rulings: of which rules, and why.
    """

    trial: Trial
    found: Expected
    rulings: tuple[Ruling, ...]

    @property
    def rules(self) -> frozenset[str]:
        """The rules that said so."""
        return frozenset(ruling.rule for ruling in self.rulings)

    @property
    def held(self) -> bool:
        """Whether the policy said what it should."""
        wanted = self.trial.rules
        return self.found is self.trial.expected and (not wanted or wanted == self.rules)

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "expected": self.trial.expected,
            "found": self.found,
            "messages": [ruling.message for ruling in self.rulings],
            "name": self.trial.name,
            "ok": self.held,
            "rules": sorted(self.rules),
        }


def read_trials(data: bytes, file: str, *, own: Party, at: datetime) -> tuple[Trial, ...]:
    """Read the cases of a file.

    Args:
        data: TOML.
        file: its name, for messages.
        own: our own party; who asks where a case does not say who.
        at: when, where a case does not say.

    Raises:
        MalformedError: it is no TOML, or a case makes no sense; the message names the file and the case.
    """
    document, _ = read_toml(data, file)
    record = Record(document, file)
    trials: list[Trial] = []
    for position, each in enumerate(record.records("case")):
        if position >= MAX_TRIALS:
            raise MalformedError(f"{file} has more than {MAX_TRIALS} cases")
        each.what = f"{file}: case {each.text('name', str(position + 1))}"
        trials.append(_read(each, own, at, str(position + 1)))
    record.done()
    if not trials:
        raise MalformedError(f"{file} has no case", hint="Write one: [[case]], with license and expect.")
    return tuple(trials)


def try_policy(engine: PolicyEngine, trial: Trial) -> Tried:
    """Ask a policy about a case."""
    decision = decide(trial.request, trial.works)
    rulings = engine.judge(
        PolicyQuestion(request=trial.request, works=trial.works, decision=decision, own=trial.own)
    )
    for weight, found in ((Weight.DENY, Expected.DENY), (Weight.WARN, Expected.WARN)):
        said = tuple(ruling for ruling in rulings if ruling.weight is weight)
        if said:
            return Tried(trial=trial, found=found, rulings=said)
    exempt = tuple(ruling for ruling in rulings if ruling.weight is Weight.EXEMPT)
    return Tried(trial=trial, found=Expected.PASS, rulings=exempt)


def _read(record: Record, own: Party, at: datetime, number: str) -> Trial:
    name = record.text("name", number)
    bases = [
        _work(base, f"base {place}", Relation.PARENT)
        for place, base in enumerate(record.records("stands-on", required=False), 1)
    ]
    party = Party(
        name=record.text("party", own.name),
        commercial=record.boolean("commercial", default=own.commercial),
    )
    request = Request(
        action=one_of(record.text("action", Action.DEPLOY), Action, f"'action' in {record.what}"),
        party=party,
        at=read_moment(record, "at") or at,
        purpose=record.text("purpose", ""),
    )
    expected = one_of(record.text("expect"), Expected, f"'expect' in {record.what}")
    rules = frozenset(record.texts("rules", required=False))
    model = _work(record, "the model", Relation.SELF)
    return Trial(
        name=name, request=request, works=(model, *bases), own=own.name, expected=expected, rules=rules
    )


def _work(record: Record, name: str, relation: Relation) -> Work:
    name = record.text("model", name)
    registered = record.boolean("registered", default=True)
    work = Work(
        name=name,
        subject=Digest(digest_bytes(name.encode())) if registered else None,
        owner=record.text("owner", ""),
        license=record.optional_text("license"),
        relation=relation,
    )
    record.done()
    return work
