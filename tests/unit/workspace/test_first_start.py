"""Many at once, at the first start: one set of keys, one trust root, one ledger."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from tests.workshop import write_model

from weightmark.claims import TrustRoot
from weightmark.discovery import Plugins
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.file import write_whole

AT_ONCE = 6


def test_workspaces_that_start_together_share_keys_and_trust_root(
    home: Path, tmp_path: Path, plugins: Plugins
) -> None:
    start = Barrier(AT_ONCE, timeout=60)

    def register(number: int) -> tuple[str, str]:
        model = write_model(tmp_path / f"m{number}", {"x": [float(number)]})
        with Workspace(Configuration.load(), plugins) as workspace:
            start.wait()
            outcome = workspace.register(str(model))
            assert outcome.receipt is not None
            return workspace.resources.signer.public_key.key_id, workspace.resources.ledger.origin

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = set(pool.map(register, range(AT_ONCE)))
    assert len(found) == 1
    trust = TrustRoot.decode((home / "trust.json").read_bytes())
    assert [key.key.key_id for key in trust.keys] == [key_id for key_id, _ in found]
    with Workspace(Configuration.load(), plugins) as workspace:
        workspace.resources.ledger.audit()
        accepted = [entry for entry in workspace.resources.index.history() if entry.accepted]
        assert len({entry.name for entry in accepted}) == AT_ONCE


def test_threads_that_open_different_things_first_do_not_wait_for_one_another(plugins: Plugins) -> None:
    names = ["signer", "log_signer", "ledger", "store", "index", "trust", "observers"]
    with Workspace(Configuration.load({"ledger": "memory:"}), plugins) as workspace:
        start = Barrier(len(names), timeout=60)

        def open_one(name: str) -> object:
            start.wait()
            return getattr(workspace.resources, name)

        with ThreadPoolExecutor(len(names)) as pool:
            opened = dict(zip(names, pool.map(open_one, names, timeout=120), strict=True))
        assert opened["ledger"] is workspace.resources.ledger
        assert opened["signer"] is workspace.resources.signer


def test_a_trust_root_that_came_first_is_kept(home: Path, plugins: Plugins) -> None:
    with Workspace(Configuration.load(), plugins) as workspace:
        before = workspace.resources.trust
    with Workspace(Configuration.load({"party": "other"}), plugins) as workspace:
        assert workspace.resources.trust == before


def test_write_whole_replaces_or_keeps(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    write_whole(file, b"one", over=False)
    write_whole(file, b"two", over=False)
    assert file.read_bytes() == b"one"
    write_whole(file, b"three")
    assert file.read_bytes() == b"three"
    assert [found.name for found in file.parent.iterdir()] == ["file"]


def test_closing_twice_does_nothing(plugins: Plugins) -> None:
    workspace = Workspace(Configuration.load({"ledger": "memory:"}), plugins)
    workspace.resources.catch_up()
    workspace.close()
    workspace.close()


def test_a_passphrase_that_nobody_gives(
    home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightmark.errors import WeightmarkError
    from weightmark_plugins.signers.file import FileSigner

    monkeypatch.delenv("WEIGHTMARK_PASSPHRASE", raising=False)
    FileSigner.generate("file:me.pem", passphrase=b"secret")
    with Workspace(Configuration.load({"signer": "file:me.pem"}), plugins) as workspace:
        with pytest.raises(WeightmarkError, match="passphrase"):
            _ = workspace.resources.signer
        monkeypatch.setenv("WEIGHTMARK_PASSPHRASE", "secret")
        assert "secret" not in repr(workspace.resources.signer)
