"""Whatever is recorded, by whomever: the index read in steps is the index read at once, and is fair."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.claim_examples import signed_payload
from tests.ledger_examples import (
    bundle_of,
    derives,
    grants,
    licenses,
    new_ledger,
    registers,
    resign,
    revokes,
    said,
    transfers,
    trust_in,
    versions,
)

from weightmark.claims import Claim, Envelope, Statement
from weightmark.encoding import Digest
from weightmark.index import Index
from weightmark_plugins.ledgers.memory import MemoryLedger

PEOPLE = ("acme", "openlab", "mallory")
EVERYBODY = (*PEOPLE, "stranger")
MODELS = ("m", "m-again", "n")
KINDS = ("register", "license", "grant", "revoke", "transfer", "derive", "version", "replay", "noise")

Step = tuple[str, str, str, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(EVERYBODY),
        st.sampled_from(MODELS),
        st.sampled_from(PEOPLE),
        st.integers(0, 5),
    ),
    max_size=14,
)


@dataclass
class Plain:
    """The rules again, as plainly as can be: who owns what, under which licence, and which grants hold."""

    owner: dict[str, str] = field(default_factory=dict)
    license: dict[str, str] = field(default_factory=dict)
    holds: dict[Digest, bool] = field(default_factory=dict)
    model_of: dict[Digest, str] = field(default_factory=dict)
    counted: set[Digest] = field(default_factory=set)

    def hear(self, claim: Claim, model: str, who: str, kind: str, other: str, statement: Digest) -> None:
        """Take in a claim that is signed by one person."""
        if statement in self.counted or who not in PEOPLE:
            return
        if kind == "register":
            if model in self.owner or other != who:
                return
            self.owner[model], self.license[model] = who, "MIT"
        elif self.owner.get(model) != who:
            return
        elif kind == "license":
            self.license[model] = f"LicenseRef-{other}"
        elif kind == "transfer":
            self.owner[model] = other
        elif kind == "grant":
            self.holds[statement], self.model_of[statement] = True, model
        elif kind == "revoke":
            target = Digest(str(getattr(claim, "target", "")))
            if self.model_of.get(target) != model:
                return
            self.holds[target] = False
        self.counted.add(statement)


def claim_of(step: Step, at: int, given_: list[Digest]) -> Claim:
    kind, who, model, other, number = step
    if kind == "register":
        return registers(other, at)
    if kind == "license":
        return licenses(f"LicenseRef-{other}", at)
    if kind == "grant":
        return grants(bundle_of(model), who, other, at)
    if kind == "revoke":
        return revokes(given_[number % len(given_)] if given_ else bundle_of("none"), at)
    if kind == "transfer":
        return transfers(other, at)
    if kind == "derive":
        return derives(MODELS[number % len(MODELS)], at)
    return versions(f"models:/m/{number}", at)


def write(ledger: MemoryLedger, steps: list[Step]) -> Plain:
    """Put a story into a ledger, and tell it to the plain rules."""
    plain, told, given_ = Plain(), list[Envelope](), list[Digest]()
    for at, step in enumerate(steps):
        kind, who, model, other, number = step
        if kind == "noise":
            ledger.append(signed_payload(b"noise %d" % at, name=who))
            continue
        if kind == "replay":
            if told:
                old = told[number % len(told)]
                ledger.append(
                    replace(old, signatures=(*old.signatures, *resign(old, "stranger").signatures[:1]))
                )
            continue
        claim = claim_of(step, at, given_)
        envelope = said(claim, model, who)
        statement = Statement.decode(envelope.payload).digest
        ledger.append(envelope)
        if who != "stranger":
            told.append(envelope)
        if kind == "grant":
            given_.append(statement)
        plain.hear(claim, model, who, kind, other, statement)
    return plain


def whole(ledger: MemoryLedger, *names: str) -> dict[str, list[tuple[object, ...]]]:
    index = Index("sqlite://")
    index.rebuild(ledger, trust_in(ledger, *names))
    dump = index.dump()
    index.close()
    return dump


@settings(max_examples=50)
@given(steps=STEPS, cuts=st.sets(st.integers(0, 13)))
def test_read_in_steps_equals_read_at_once_equals_the_plain_rules(steps: list[Step], cuts: set[int]) -> None:
    ledger, index = new_ledger(), Index("sqlite://")
    trust = trust_in(ledger, *PEOPLE)
    plain = write(ledger, steps)
    growing = new_ledger()
    for place, entry in enumerate(ledger.entries()):
        growing.append(entry.envelope)
        if place in cuts:
            index.catch_up(growing, trust)
    index.catch_up(growing, trust)
    assert index.dump() == whole(ledger, *PEOPLE)
    for model in MODELS:
        found = index.find(bundle_of(model))
        assert (found and found.owner) == plain.owner.get(model)
        assert (found and found.license) == plain.license.get(model)
    holds = {issued.id: issued.revoked_at is None for issued in index.grants([bundle_of(m) for m in MODELS])}
    assert holds == plain.holds
    index.close()


@settings(max_examples=25)
@given(steps=STEPS, first=st.sets(st.sampled_from(PEOPLE)), second=st.sets(st.sampled_from(PEOPLE)))
def test_a_trust_root_that_changes_is_as_if_it_had_always_been(
    steps: list[Step], first: set[str], second: set[str]
) -> None:
    ledger, index = new_ledger(), Index("sqlite://")
    write(ledger, steps)
    index.catch_up(ledger, trust_in(ledger, *sorted(first)))
    index.catch_up(ledger, trust_in(ledger, *sorted(second)))
    assert index.dump() == whole(ledger, *sorted(second))
    index.close()
