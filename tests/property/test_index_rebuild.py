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
    moment,
    new_ledger,
    registers,
    resign,
    revokes,
    said,
    transfers,
    trust_in,
    versions,
)

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    Envelope,
    GrantClaim,
    Reinstatement,
    RenewalClaim,
    SeatClaim,
    Statement,
    Suspension,
)
from weightmark.encoding import Digest
from weightmark.index import Index
from weightmark_plugins.ledgers.memory import MemoryLedger

PEOPLE = ("acme", "openlab", "mallory")
EVERYBODY = (*PEOPLE, "stranger")
MODELS = ("m", "m-again", "n")
KINDS = ("register", "license", "grant", "revoke", "transfer", "derive", "version", "replay", "noise")
CHANGES = ("consent", "amend", "assign", "seat", "free", "suspend", "reinstate", "renew", "sublicense")

Step = tuple[str, str, str, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS + CHANGES),
        st.sampled_from(EVERYBODY),
        st.sampled_from(MODELS),
        st.sampled_from(PEOPLE),
        st.integers(0, 5),
    ),
    max_size=18,
)


@dataclass
class Plain:
    """The rules again, as plainly as can be: who owns what, under which licence, and which grants hold."""

    owner: dict[str, str] = field(default_factory=dict)
    license: dict[str, str] = field(default_factory=dict)
    holds: dict[Digest, bool] = field(default_factory=dict)
    model_of: dict[Digest, str] = field(default_factory=dict)
    licensor_of: dict[Digest, str] = field(default_factory=dict)
    counted: set[Digest] = field(default_factory=set)

    def hear(self, claim: Claim, model: str, who: str, kind: str, other: str, statement: Digest) -> None:
        """Take in a claim that is signed by one person."""
        if statement in self.counted or who not in PEOPLE:
            return
        target = Digest(str(getattr(claim, "target", "")))
        if kind == "register":
            if model in self.owner or other != who:
                return
            self.owner[model], self.license[model] = who, "MIT"
        elif kind == "revoke":
            if self.model_of.get(target) != model or who not in (self.owner[model], self.licensor_of[target]):
                return
            self.holds[target] = False
        elif self.owner.get(model) != who:
            return
        elif kind == "license":
            self.license[model] = f"LicenseRef-{other}"
        elif kind == "transfer":
            self.owner[model] = other
        elif kind == "grant":
            self.holds[statement], self.model_of[statement] = True, model
            self.licensor_of[statement] = who
        self.counted.add(statement)


def change_of(kind: str, target: Digest, model: str, other: str, at: int, number: int) -> Claim:
    said_at = moment(at if number < 5 else at - 3)
    grant = grants(bundle_of(model), "acme", other, at).grant
    claims: dict[str, Claim] = {
        "consent": Consent(target=target, issued_at=said_at),
        "amend": Amendment(target=target, grant=replace(grant, seats=number or None), issued_at=said_at),
        "assign": Assignment(target=target, grantee=other, issued_at=said_at),
        "seat": SeatClaim(target=target, holder=f"seat {number}", issued_at=said_at),
        "free": SeatClaim(target=target, holder=f"seat {number}", freed=True, issued_at=said_at),
        "suspend": Suspension(target=target, cause="x", issued_at=said_at),
        "reinstate": Reinstatement(target=target, cause="x", issued_at=said_at),
        "renew": RenewalClaim(target=target, end=moment(at + number), issued_at=said_at),
        "sublicense": GrantClaim(grant=replace(grant, parent=target, licensor=other), issued_at=said_at),
    }
    return claims[kind]


def claim_of(step: Step, at: int, given_: list[Digest]) -> Claim:
    kind, who, model, other, number = step
    if kind == "register":
        return registers(other, at)
    if kind == "license":
        return licenses(f"LicenseRef-{other}", at)
    target = given_[number % len(given_)] if given_ else bundle_of("none")
    if kind in CHANGES:
        return change_of(kind, target, model, other, at, number)
    if kind == "grant":
        given = grants(bundle_of(model), who, other, at)
        ends = None if number == 0 else moment(at + number)
        grant = replace(given.grant, seats=number or None, transferable=number % 2 == 1, end=ends)
        return replace(given, grant=replace(grant, acceptance=number > 3))
    if kind == "revoke":
        return revokes(target, at)
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
        if kind in ("grant", "amend", "assign", "sublicense"):
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
    known = index.grants([bundle_of(model) for model in MODELS])
    holds = {issued.id: issued.revoked_at is None for issued in known if not issued.grant.parent}
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
