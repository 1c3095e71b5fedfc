"""Use offline on the command line: recorded under a licence file, settled by the licensor."""

import shutil
from pathlib import Path

import pytest
from tests.schemas import holds
from tests.workshop import Shell

from weightmark.workspace.offline.machine import name_machine


@pytest.fixture
def reseller(shell: Shell, model: Path) -> tuple[str, ...]:
    """Who speaks as the reseller, with a licence file for 100 tokens at hand."""
    speaks = shell.key("reseller")
    shell.run("register", model, "--mine", "--name", "net")
    granted = shell.json(
        "grant",
        "net",
        "--to",
        "reseller",
        "--for",
        "inference",
        "--until",
        "2099-01-01",
        "--bound",
        "tokens=100",
    )
    shell.run("license", "issue", granted["grant"], "--out", "net.licence")
    return speaks


def test_what_was_recorded_is_settled_once(shell: Shell, reseller: tuple[str, ...]) -> None:
    record = ("usage", "offline", "record", "net.licence", "tokens")
    one = holds("usage-offline-record", shell.json(*record, "60", "--use-key", "a", *reseller))
    assert (one["used"], one["left"], one["repeated"]) == (60, 40, False)
    assert shell.json(*record, "60", "--use-key", "a", *reseller)["repeated"]
    shell.fail(*record, "41", *reseller, code=4)
    holds("usage-offline", shell.json("usage", "offline", "show", "net.licence", *reseller))
    export = ("usage", "offline", "export", "net.licence", *reseller)
    exported = holds("usage-offline", shell.json(*export, "--out", "june.chain", "--text"))
    assert exported["totals"] == {"tokens": 60}
    settled = holds("usage-settle-chain", shell.json("usage", "settle-chain", "june.chain"))
    assert (settled["first"], settled["last"], settled["totals"]) == (1, 1, {"tokens": 60})
    again = holds("usage-settle-chain", shell.json("usage", "settle-chain", "june.chain"))
    assert again["entry"] is None
    assert shell.json("usage", "settle-chain", "--text", exported["text"])["entry"] is None
    assert shell.run("usage", "settle-chain", "june.chain").stdout.startswith("✓ Nothing new")


def test_a_fork_and_a_changed_file_end_with_three_or_one(shell: Shell, reseller: tuple[str, ...]) -> None:
    record = ("usage", "offline", "record", "net.licence", "tokens", *reseller)
    chain, copy = ("--chain", "one"), ("--chain", "two")
    shell.run(*record, *chain)
    shutil.copy(shell.folder / "one", shell.folder / "two")
    for each in (chain, copy):
        shell.run(*record, *each)
        shell.run("usage", "offline", "export", "net.licence", *reseller, *each, "--out", f"{each[1]}.out")
    shell.run("usage", "settle-chain", "one.out")
    failed = shell.json("usage", "settle-chain", "two.out", code=3)
    assert failed["error"]["type"] == "ChainForkError"
    data = (shell.folder / "one.out").read_bytes()
    (shell.folder / "one.out").write_bytes(data.replace(b'"units":1', b'"units":2'))
    shell.fail("usage", "settle-chain", "one.out", code=1)


def test_what_is_no_licence_and_no_grant_is_named(shell: Shell, reseller: tuple[str, ...]) -> None:
    said = shell.fail("usage", "offline", "record", "nowhere", "tokens", *reseller, code=1)
    assert "neither a licence file nor a grant's id" in said
    shell.fail("usage", "offline", "show", "sha256:" + "0" * 64, *reseller, code=1)
    shell.run("usage", "settle-chain", code=2)
    shell.run("usage", "offline", "export", "net.licence", *reseller, code=2)


def test_a_licence_for_another_machine_records_nothing(shell: Shell, reseller: tuple[str, ...]) -> None:
    granted = shell.json("grant", "net", "--to", "reseller", "--for", "inference")["grant"]
    (shell.folder / "id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    another = name_machine([shell.folder / "id"])
    shell.run("license", "issue", granted, "--machine", another, "--out", "bound.licence")
    refused = shell.call("usage", "offline", "record", "bound.licence", "tokens", *reseller)
    assert refused.exit_code in (1, 3)  # 1 where the system has no id at all
    shell.run("usage", "offline", "record", granted, "tokens", *reseller)
