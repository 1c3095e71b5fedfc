"""Chains that are settled: counted once, however they are brought; forks are named."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.licence_files import Party
from tests.usage_chains import NOW, Watch

from weightmark.claims import GrantClaim, TrustedKey
from weightmark.claims.offline.usage_text import UsageText
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.errors import (
    ChainForkError,
    ClockError,
    NotEntitledError,
    UnknownGrantError,
    UntrustedKeyError,
)
from weightmark.licensing import Capability, Entitlement, Grant
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.metering.meter import used
from weightmark.workspace.offline import settling
from weightmark.workspace.offline.settling import settle_chain, settle_text
from weightmark.workspace.offline.usage import OfflineMeter

RESELLER = Party("reseller")
LATER = NOW + timedelta(days=30)


class Desk:
    """The licensor's workspace, with one grant to the reseller."""

    def __init__(self, workspace: Workspace, model: Path) -> None:
        self.workspace = workspace
        self.resources = workspace.resources
        workspace.register(str(model), mine=True)
        self.resources.add_trust(TrustedKey(identity="reseller", key=RESELLER.key))
        registered = workspace.find(str(model))
        self.grant = Grant(
            model=registered.bundle,
            licensor="acme",
            grantee="reseller",
            capabilities=frozenset({Capability.INFER}),
            start=NOW,
            end=NOW + timedelta(days=365),
            bounds=(Entitlement(name="tokens", unit="tokens", limit=1000),),
        )
        claim = GrantClaim(grant=self.grant, issued_at=NOW)
        self.id = workspace.record(registered, claim, owner_only="grant its use").statement.digest

    def meter(self, file: Path, *, clock: Watch | None = None, person: Party = RESELLER) -> OfflineMeter:
        return OfflineMeter(
            file=file,
            id=self.id,
            grant=self.grant,
            party=person.name,
            public_key=person.key,
            sign=person.sign,
            clock=clock or Watch(),
        )

    def counted(self) -> dict[str, int]:
        return used(self.resources, [self.id])[self.id]


@pytest.fixture
def desk(plugins: Plugins, model: Path) -> Iterator[Desk]:
    with Workspace(Configuration.load({"ledger": "memory:"}), plugins, clock=lambda: NOW) as workspace:
        yield Desk(workspace, model)


def text_of(kept: OfflineMeter) -> str:
    totals = UsageText.of(kept.show())
    return totals.sign(RESELLER.key.key_id, RESELLER.sign)


def test_an_export_counts_once_and_a_longer_one_counts_the_rest(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)
    kept.record("images", 4)
    first = kept.export()
    settled = settle_chain(desk.resources, first, LATER)
    assert (settled.first, settled.last, settled.totals) == (1, 2, {"tokens": 100, "images": 4})
    assert desk.counted() == {"tokens": 100}
    again = settle_chain(desk.resources, first, LATER)
    assert (again.entry, again.totals, again.last) == (None, {}, 2)
    kept.record("tokens", 30)
    longer = settle_chain(desk.resources, kept.export(), LATER)
    assert (longer.first, longer.last, longer.totals) == (3, 3, {"tokens": 30})
    assert settle_chain(desk.resources, first, LATER).entry is None
    assert desk.counted() == {"tokens": 130}


def test_the_settlement_is_a_statement_of_the_licensor_that_counts(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)
    settled = settle_chain(desk.resources, kept.export(), LATER)
    last = desk.resources.index.history(desk.grant.model)[-1]
    assert (last.index, last.accepted, last.signers) == (settled.entry, True, ("acme",))
    assert desk.resources.rebuild_index() == last.index + 1
    assert settle_chain(desk.resources, kept.export(), LATER).entry is None


def test_a_machine_that_was_put_back_is_a_fork_with_both_heads(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)
    shutil.copy(tmp_path / "c", tmp_path / "snapshot")
    kept.record("tokens", 200)
    settle_chain(desk.resources, kept.export(), LATER)
    replayed = desk.meter(tmp_path / "snapshot")
    replayed.record("tokens", 5)
    same_length, heads = replayed.export(), (kept.show().entries[-1], replayed.show().entries[-1])
    replayed.record("tokens", 5)
    for brought in (same_length, replayed.export()):
        with pytest.raises(ChainForkError, match="at entry 2") as caught:
            settle_chain(desk.resources, brought, LATER)
        assert caught.value.heads == heads
        assert all(head in caught.value.message for head in heads)
    assert desk.counted() == {"tokens": 300}


def test_a_shorter_fork_is_noticed_too(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 1)
    shutil.copy(tmp_path / "c", tmp_path / "snapshot")
    for _ in range(3):
        kept.record("tokens", 1)
    settle_chain(desk.resources, kept.export(), LATER)
    replayed = desk.meter(tmp_path / "snapshot")
    replayed.record("tokens", 9)
    with pytest.raises(ChainForkError, match="at entry 2"):
        settle_chain(desk.resources, replayed.export(), LATER)
    early = desk.meter(tmp_path / "c")
    assert settle_chain(desk.resources, early.export(), LATER).entry is None


def test_a_crash_between_the_ledger_and_the_meter_is_mended_by_settling_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(settling, "_count", fail)
        with pytest.raises(KeyboardInterrupt):
            settle_chain(desk.resources, kept.export(), LATER)
    assert desk.counted() == {}
    kept.record("tokens", 20)
    settled = settle_chain(desk.resources, kept.export(), LATER)
    assert (settled.first, settled.totals) == (2, {"tokens": 20})
    assert desk.counted() == {"tokens": 120}


def test_use_beyond_the_bound_is_counted_all_the_same(desk: Desk, tmp_path: Path) -> None:
    kept = replace_bound(desk.meter(tmp_path / "c"), 5000)
    kept.record("tokens", 1500)
    settle_chain(desk.resources, kept.export(), LATER)
    assert desk.counted() == {"tokens": 1500}


def replace_bound(kept: OfflineMeter, limit: int) -> OfflineMeter:
    kept.grant = replace(kept.grant, bounds=(Entitlement(name="tokens", unit="tokens", limit=limit),))
    return kept


def test_totals_as_a_text_are_settled_and_the_file_proves_them_later(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)
    text = text_of(kept)
    assert settle_text(desk.resources, text, LATER).totals == {"tokens": 100}
    assert settle_text(desk.resources, text, LATER).entry is None
    kept.record("tokens", 11)
    settled = settle_chain(desk.resources, kept.export(), LATER)
    assert (settled.first, settled.totals) == (2, {"tokens": 11})
    kept.record("tokens", 1)
    assert settle_text(desk.resources, text_of(kept), LATER).totals == {"tokens": 1}
    assert desk.counted() == {"tokens": 112}


def test_a_file_shows_that_the_totals_settled_before_were_too_small(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 100)
    small = replace(UsageText.of(kept.show()), totals={"tokens": 1})
    settle_text(desk.resources, small.sign(RESELLER.key.key_id, RESELLER.sign), LATER)
    with pytest.raises(ChainForkError, match="other totals"):
        settle_chain(desk.resources, kept.export(), LATER)
    kept.record("tokens", 1)
    assert settle_chain(desk.resources, kept.export(), LATER).totals == {"tokens": 100}
    assert desk.counted() == {"tokens": 101}


def test_a_forked_text_is_noticed_where_it_can_be(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 50)
    shutil.copy(tmp_path / "c", tmp_path / "snapshot")
    kept.record("tokens", 100)
    replayed = desk.meter(tmp_path / "snapshot")
    replayed.record("tokens", 1)
    settle_text(desk.resources, text_of(kept), LATER)
    with pytest.raises(ChainForkError):
        settle_text(desk.resources, text_of(replayed), LATER)
    replayed.record("tokens", 1)
    with pytest.raises(ChainForkError, match="smaller totals"):
        settle_text(desk.resources, text_of(replayed), LATER)
    with pytest.raises(ChainForkError):
        settle_chain(desk.resources, replayed.export(), LATER)


def test_only_the_grantees_chains_are_settled(desk: Desk, tmp_path: Path) -> None:
    stranger, part = Party("stranger"), Party("reseller/ci")
    chains: dict[str, bytes] = {}
    for person in (stranger, part):
        kept = desk.meter(tmp_path / person.name.replace("/", "-"), person=person)
        kept.record("tokens", 1)
        chains[person.name] = kept.export()
    with pytest.raises(UntrustedKeyError):
        settle_chain(desk.resources, chains["stranger"], LATER)
    for person in (stranger, part):
        desk.resources.add_trust(TrustedKey(identity=person.name, key=person.key))
    with pytest.raises(NotEntitledError, match="stranger"):
        settle_chain(desk.resources, chains["stranger"], LATER)
    assert settle_chain(desk.resources, chains["reseller/ci"], LATER).totals == {"tokens": 1}


def test_only_the_licensor_settles(desk: Desk, tmp_path: Path, plugins: Plugins) -> None:
    kept = desk.meter(tmp_path / "c")
    kept.record("tokens", 1)
    settings = Configuration.load({"party": "somebody", "ledger": "memory:"})
    with Workspace(settings, plugins, clock=lambda: NOW) as other:
        other.resources.save_trust(desk.resources.trust)
        with pytest.raises((UnknownGrantError, NotEntitledError)):
            settle_chain(other.resources, kept.export(), LATER)


def test_a_chain_of_an_unknown_grant_or_of_the_future_is_not_settled(desk: Desk, tmp_path: Path) -> None:
    kept = desk.meter(tmp_path / "c", clock=Watch(LATER + timedelta(hours=1)))
    kept.record("tokens", 1)
    with pytest.raises(ClockError, match="ends at"):
        settle_chain(desk.resources, kept.export(), LATER)
    other = desk.meter(tmp_path / "d")
    other.id = Digest("sha256:" + "d" * 64)
    other.record("tokens", 1)
    with pytest.raises(UnknownGrantError):
        settle_chain(desk.resources, other.export(), LATER)


def test_two_chains_of_one_grant_are_both_counted(desk: Desk, tmp_path: Path) -> None:
    for name in ("laptop", "edge"):
        kept = desk.meter(tmp_path / name)
        kept.record("tokens", 40, key="same key, other chain")
        settle_chain(desk.resources, kept.export(), LATER)
    assert desk.counted() == {"tokens": 80}
