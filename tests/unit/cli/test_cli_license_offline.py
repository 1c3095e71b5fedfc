"""license issue, verify, status, clock, machine: from the licensor to a machine without a network."""

import shutil
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.schemas import holds
from tests.workshop import Shell, flip_byte, write_model

from weightmark.workspace import inquiry, resource
from weightmark.workspace.offline import clock as clock_module
from weightmark.workspace.offline.clock import clock_of

URI = "https://acme.example/status/1"
REAL = datetime.now(UTC)


class Time:
    """The clock of everybody in a test."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Let the clock be set, and the machine not notice how long it really ran."""
    hands = Time()
    for module, name in ((resource, "now"), (clock_module, "now")):
        monkeypatch.setattr(module, name, hands)
    monkeypatch.setitem(inquiry.Inquiry.__init__.__kwdefaults__, "clock", hands)
    monkeypatch.setitem(clock_module.ClockKeeper.__init__.__kwdefaults__, "wall", hands)
    monkeypatch.setitem(
        clock_module.ClockKeeper.__init__.__kwdefaults__,
        "uptime",
        lambda: clock_module.Uptime(boot="", seconds=0.0),
    )
    clock_of.cache_clear()
    return hands


@pytest.fixture
def granted(shell: Shell, model: Path) -> str:
    """A grant to bigcorp for a model that else permits no commercial use."""
    shell.run("register", model, "--license", "cc-by-nc-4.0", "--mine", "--bundle", "churn.bundle.json")
    shell.run("trust", "export", "trust.json")
    times = (
        "--from",
        f"{REAL - timedelta(days=2):%Y-%m-%d}",
        "--until",
        f"{REAL + timedelta(days=300):%Y-%m-%d}",
    )
    granted = shell.json("grant", model, "--to", "bigcorp", "--for", "deploy", *times, "--grace-days", "10")
    return str(granted["grant"])


def publish(shell: Shell, out: str = "status.jwt", *more: str) -> dict[str, Any]:
    return shell.json("license", "status", "publish", "--uri", URI, "--out", out, *more)


def issue(shell: Shell, grant: str, *more: str, out: str = "bigcorp.lic") -> dict[str, Any]:
    return shell.json("license", "issue", grant, "--out", out, "--status-uri", URI, *more)


@pytest.fixture
def edge(shell: Shell, granted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hands: Time) -> Shell:
    """A machine with the model, the licence file, the list and the trust root; and nothing else."""
    del hands
    issue(shell, granted)
    publish(shell)
    folder = tmp_path / "edge"
    shutil.copytree(shell.folder, folder)
    monkeypatch.chdir(folder)

    def no_network(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("something asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    names = ("WEIGHTMARK_PARTY", "WEIGHTMARK_PASSPHRASE")
    home = tmp_path / "edge-home"
    return Shell(
        folder=folder, env={**dict.fromkeys(names), "HOME": str(home), "WEIGHTMARK_HOME": str(home / "w")}
    )


OFFLINE = ("--trust", "trust.json", "--status", "status.jwt", "--model", "churn")


def verify(shell: Shell, *args: str, code: int = 0) -> dict[str, Any]:
    answer = shell.json("license", "verify", "bigcorp.lic", *args, code=code)
    if "outcome" in answer:
        holds("license-verify", answer)
    return answer


def fails(shell: Shell, kind: str, *args: str, code: int = 3) -> str:
    """Verify, and give the message of the one error that must come."""
    failed = verify(shell, *args, code=code)
    assert failed["error"]["type"] == kind, failed
    assert failed["error"]["hint"]
    return str(failed["error"]["message"])


def test_a_machine_with_nothing_but_the_files_verifies(edge: Shell) -> None:
    found = verify(edge, *OFFLINE)
    assert (found["allowed"], found["code"]) == (True, "granted")
    assert found["model"]["intact"] is True
    assert found["status"]["status"] == "valid"
    assert found["warnings"] == []
    assert found["licence"]["grantee"] == "bigcorp"
    home = Path(str(edge.env["WEIGHTMARK_HOME"]))
    assert {path.name for path in home.rglob("*") if path.is_file()} == {"marks.json", "seal"}
    shown = edge.run("license", "verify", "bigcorp.lic", *OFFLINE).stdout
    for words in ("✓ ", "bigcorp may deploy churn", "intact", "valid, by the list of", "This holds until"):
        assert words in shown


def test_it_holds_no_longer_than_the_list(edge: Shell) -> None:
    found = verify(edge, *OFFLINE)
    assert found["until"] == found["status"]["expires_at"]


def test_with_the_licensors_key_alone(edge: Shell, shell: Shell) -> None:
    key = Path(str(shell.env["WEIGHTMARK_HOME"])) / "keys/signer.pem.pub"
    verify(edge, "--key", str(key), *OFFLINE[2:])
    edge.run("keygen", "other.pem")
    assert "not in the trust root" in fails(edge, "UntrustedKeyError", "--key", "other.pem.pub", *OFFLINE[2:])


def test_nobody_is_trusted_by_default(edge: Shell) -> None:
    assert "nobody is trusted" in fails(edge, "UntrustedKeyError", "--status", "status.jwt")
    assert not (Path(str(edge.env["WEIGHTMARK_HOME"])) / "trust.json").exists()


def test_with_the_registration_that_shows_who_owns_it(edge: Shell, shell: Shell) -> None:
    found = verify(edge, *OFFLINE, "--bundle", "churn.bundle.json")
    assert found["model"]["registered"] is True
    write_model(shell.folder / "other", {"x": [1.0]})
    bundle = edge.folder / "other.bundle.json"
    shell.run("register", shell.folder / "other", "--bundle", bundle)
    assert "another model" in fails(edge, "DigestMismatchError", *OFFLINE, "--bundle", str(bundle))


def test_an_action_that_was_not_granted(edge: Shell) -> None:
    found = verify(edge, *OFFLINE, "--action", "resell", code=4)
    assert found["outcome"] == "refused"
    assert (
        "bigcorp may not resell churn"
        in edge.run("license", "verify", "bigcorp.lic", *OFFLINE, "--action", "resell", code=4).stdout
    )


def test_one_flipped_byte_of_the_model(edge: Shell) -> None:
    flip_byte(Path("churn/model.safetensors"), -1)
    assert "the licence file is for churn" in fails(edge, "DigestMismatchError", *OFFLINE)


def test_the_same_numbers_in_other_files(edge: Shell) -> None:
    (edge.folder / "churn/notes.txt").write_text("x")
    failed = verify(edge, *OFFLINE, code=3)
    assert "The numbers are the same" in failed["error"]["hint"]


def test_one_flipped_character_of_the_file(edge: Shell) -> None:
    text = Path("bigcorp.lic").read_bytes()
    place = text.index(b".") + 30
    Path("bigcorp.lic").write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
    assert "does not fit" in fails(edge, "SignatureError", *OFFLINE)


def test_without_a_model_it_says_that_none_was_looked_at(edge: Shell) -> None:
    found = verify(edge, *OFFLINE[:4])
    assert found["model"]["intact"] is None
    assert "No model was given" in found["warnings"][0]
    assert "note:" in edge.run("license", "verify", "bigcorp.lic", *OFFLINE[:4]).stdout


def test_without_the_list_it_cannot_be_known(edge: Shell) -> None:
    assert "none was given" in fails(edge, "UndecidedError", "--trust", "trust.json", code=5)


def test_a_list_that_the_licensor_made_optional(edge: Shell, shell: Shell, granted: str) -> None:
    issue(shell, granted, "--status-optional", out=str(edge.folder / "bigcorp.lic"))
    found = verify(edge, "--trust", "trust.json", "--model", "churn")
    assert "not known whether the grant was revoked" in found["warnings"][0]
    assert verify(edge, *OFFLINE)["status"]["status"] == "valid"


def test_a_file_that_names_no_list(edge: Shell, shell: Shell, granted: str) -> None:
    out = edge.folder / "bigcorp.lic"
    shown = shell.run("license", "issue", granted, "--out", out).stdout
    assert "even when the grant is revoked" in shown
    found = verify(edge, *OFFLINE)
    assert found["status"] is None
    assert "names no status list" in found["warnings"][0]


def test_revoked_on_a_stick(edge: Shell, shell: Shell, granted: str, hands: Time) -> None:
    verify(edge, *OFFLINE)
    hands.shift = timedelta(seconds=2)
    shell.run("revoke", granted, "--cause", "invoice 17 was not paid")
    assert publish(shell, str(edge.folder / "newer.jwt"))["grants"] == {
        "valid": 0,
        "invalid": 1,
        "suspended": 0,
    }
    newer = ("--trust", "trust.json", "--status", "newer.jwt", "--model", "churn")
    found = verify(edge, *newer, code=4)
    assert (found["code"], found["status"]["status"]) == ("grant-revoked", "invalid")
    earlier = f"{REAL - timedelta(days=1):%Y-%m-%d}"
    assert verify(edge, *newer, "--at", earlier, code=4)["code"] == "grant-revoked"
    assert "older than the one" in fails(edge, "StaleStatusError", *OFFLINE)


def test_suspended_and_reinstated_on_a_stick(edge: Shell, shell: Shell, granted: str, hands: Time) -> None:
    shell.run("grants", "suspend", granted, "--cause", "an audit")
    failed = shell.json("license", "issue", granted, "--out", "x.lic", code=4)
    assert "is suspended" in failed["error"]["message"]
    hands.shift = timedelta(seconds=2)
    assert publish(shell, str(edge.folder / "status.jwt"))["grants"]["suspended"] == 1
    found = verify(edge, *OFFLINE, code=4)
    assert (found["code"], found["status"]["status"]) == ("grant-suspended", "suspended")
    shell.run("grants", "reinstate", granted, "--cause", "it found nothing")
    hands.shift = timedelta(seconds=4)
    publish(shell, str(edge.folder / "status.jwt"))
    assert verify(edge, *OFFLINE)["code"] == "granted"


def test_seats_of_a_grant(edge: Shell, shell: Shell, hands: Time) -> None:
    grant = str(shell.json("grant", "churn", "--to", "bigcorp", "--for", "deploy", "--seats", "2")["grant"])
    failed = shell.json("license", "issue", grant, "--out", "x.lic", "--seat", "ann", code=4)
    assert "ann has no seat" in failed["error"]["message"]
    for name in ("ann", "bob"):
        shell.run("grants", "seat", "add", grant, name)
    hands.shift = timedelta(seconds=2)
    publish(shell, str(edge.folder / "status.jwt"))
    issue(shell, grant, out=str(edge.folder / "bigcorp.lic"))
    verify(edge, *OFFLINE, "--seat", "bob")
    assert verify(edge, *OFFLINE, "--seat", "eve", code=4)["code"] == "grant-no-seat"
    issue(shell, grant, "--seat", "ann", out=str(edge.folder / "bigcorp.lic"))
    verify(edge, *OFFLINE, "--seat", "ann")
    fails(edge, "VerificationError", *OFFLINE, "--seat", "bob")


def test_a_grant_that_waits_gives_no_file(shell: Shell, granted: str) -> None:
    del granted
    grant = str(shell.json("grant", "churn", "--to", "ann", "--for", "deploy", "--acceptance")["grant"])
    failed = shell.json("license", "issue", grant, "--out", "x.lic", code=4)
    assert "is pending" in failed["error"]["message"]
    assert publish(shell)["grants"] == {"valid": 1, "invalid": 0, "suspended": 1}


def test_a_sublicence_falls_with_the_grant_above_it(edge: Shell, shell: Shell, hands: Time) -> None:
    above = str(shell.json("grant", "churn", "--to", "reseller", "--for", "deploy,sublicense")["grant"])
    speaker = shell.key("reseller")
    hands.shift = timedelta(seconds=2)
    under = ("--under", above)
    grant = str(shell.json("grant", "churn", "--to", "bigcorp", "--for", "deploy", *under, *speaker)["grant"])
    out = str(edge.folder / "bigcorp.lic")
    shell.run("license", "issue", grant, "--out", out, "--status-uri", URI, *speaker)
    listed = ("license", "status", "publish", "--uri", URI, "--out", edge.folder / "status.jwt", *speaker)
    shell.run(*listed)
    shell.run("trust", "export", edge.folder / "trust.json")
    found = verify(edge, *OFFLINE)
    assert (found["code"], found["licence"]["issuer"]) == ("granted", "reseller")
    shell.run("revoke", above, "--cause", "the reseller went out of business")
    hands.shift = timedelta(seconds=4)
    shell.run(*listed)
    assert verify(edge, *OFFLINE, code=4)["status"]["status"] == "invalid"


def test_a_revoked_grant_gives_no_more_files(shell: Shell, granted: str) -> None:
    shell.run("revoke", granted, "--cause", "unpaid")
    out = ("--out", "x.lic")
    assert shell.json("license", "issue", granted, *out, code=4)["error"]["type"] == "GrantRevokedError"
    assert not Path("x.lic").exists()


def test_a_stale_list(edge: Shell, hands: Time) -> None:
    hands.shift = timedelta(days=2)
    assert "newer one should be there" in verify(edge, *OFFLINE)["warnings"][0]
    assert "at most" in fails(edge, "StaleStatusError", *OFFLINE, "--max-age", "1d")
    hands.shift = timedelta(days=31)
    assert "ran out" in fails(edge, "StaleStatusError", *OFFLINE)


def test_a_list_of_another_name_and_by_another_party(edge: Shell, shell: Shell) -> None:
    out = str(edge.folder / "other.jwt")
    shell.run("license", "status", "publish", "--uri", URI + "2", "--out", out)
    other = ("--trust", "trust.json", "--status", "other.jwt")
    assert "names" in fails(edge, "VerificationError", *other)
    speaker = shell.key("mallory")
    shell.run("license", "status", "publish", "--uri", URI, "--out", out, *speaker)
    shell.run("trust", "export", edge.folder / "trust.json")
    assert "mallory" in fails(edge, "PolicyError", *other)


def test_a_grant_newer_than_the_list(edge: Shell, shell: Shell) -> None:
    more = [
        shell.json("grant", "churn", "--to", f"bigcorp{number}", "--for", "deploy")["grant"]
        for number in range(6)
    ]
    issue(shell, more[-1], out=str(edge.folder / "bigcorp.lic"))
    assert "newer than the list" in fails(edge, "StaleStatusError", *OFFLINE)


def test_the_clock_put_back(edge: Shell, hands: Time) -> None:
    verify(edge, *OFFLINE)
    hands.shift = timedelta(hours=-1)
    message = fails(edge, "ClockError", *OFFLINE)
    assert "put back" in message
    edge.fail("license", "clock", "reset", "--cause", " \x1b", code=1)
    edge.run("license", "clock", "reset", "--cause", "the battery was empty")
    # Its mark is gone, what others signed is not: the licence file is from the future now.
    assert "one of the two clocks" in fails(edge, "ClockError", *OFFLINE)
    marks = edge.json("license", "clock", "show")["marks"]
    assert marks[-1]["cause"] == "the battery was empty"
    assert "the battery was empty" in edge.run("license", "clock", "show").stdout


def test_a_clock_that_was_never_looked_at(edge: Shell) -> None:
    assert edge.json("license", "clock", "show")["high"] is None
    assert "No time" in edge.run("license", "clock", "show").stdout


def test_another_moment_is_asked_about_without_setting_the_clock(edge: Shell) -> None:
    last = f"{REAL + timedelta(days=305):%Y-%m-%d}"
    found = verify(edge, *OFFLINE, "--at", last)
    assert found["code"] == "grace"
    assert "not about now" in found["warnings"][0]
    assert "ended" in fails(edge, "ExpiredError", *OFFLINE, "--at", f"{REAL + timedelta(days=311):%Y-%m-%d}")
    assert "counts only from" in fails(edge, "ExpiredError", *OFFLINE, "--at", "2020-01-01")


def test_the_grants_own_window_decides_within_a_shorter_file(edge: Shell, shell: Shell, granted: str) -> None:
    issued = issue(shell, granted, "--expires", "7d", out=str(edge.folder / "bigcorp.lic"))
    assert issued["licence"]["expires_at"] < f"{REAL + timedelta(days=8):%Y-%m-%d}"
    verify(edge, *OFFLINE)
    week = f"{REAL + timedelta(days=8):%Y-%m-%d}"
    fails(edge, "ExpiredError", *OFFLINE, "--at", week)


def test_bound_to_a_machine(
    edge: Shell, shell: Shell, granted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightmark.workspace import verify_licence_file
    from weightmark.workspace.offline import machine

    out = str(edge.folder / "bigcorp.lic")
    mine = tmp_path / "mine"
    mine.write_text("a" * 32)
    for function in (machine.name_machine, machine.require_machine, machine.read_id):
        monkeypatch.setattr(function, "__defaults__", ((mine,),))
    monkeypatch.setattr("weightmark.workspace.offline.licence_file.LINUX", (mine,))
    monkeypatch.setitem(verify_licence_file.__kwdefaults__, "machine", (mine,))
    name = edge.json("license", "machine")["machine"]
    assert edge.run("license", "machine").stdout.startswith("wm1:")
    issue(shell, granted, "--machine", name, out=out)
    assert verify(edge, *OFFLINE)["licence"]["machine"] == name
    assert "this one" in edge.run("license", "verify", "bigcorp.lic", *OFFLINE).stdout
    mine.write_text("b" * 32)
    assert "another machine" in fails(edge, "VerificationError", *OFFLINE)
    issue(shell, granted, "--this-machine", out=out)
    verify(edge, *OFFLINE)
    mine.write_text("")
    assert "no id of its own" in fails(edge, "WeightmarkError", *OFFLINE, code=1)


def test_bound_to_a_seat(edge: Shell, shell: Shell, granted: str) -> None:
    issue(shell, granted, "--seat", "ann", out=str(edge.folder / "bigcorp.lic"))
    assert verify(edge, *OFFLINE, "--seat", "ann")["licence"]["seat"] == "ann"
    assert "nobody said who acts" in fails(edge, "VerificationError", *OFFLINE)
    assert "not to eve" in fails(edge, "VerificationError", *OFFLINE, "--seat", "eve")


@pytest.mark.parametrize(
    "args",
    [
        ("issue", "nonsense", "--out", "x"),
        ("issue", "sha256:" + "0" * 64, "--out", "x", "--machine", "a", "--this-machine"),
        ("issue", "sha256:" + "0" * 64, "--out", "x", "--status-optional"),
        ("issue", "sha256:" + "0" * 64, "--out", "x", "--expires", "soon"),
        ("issue", "sha256:" + "0" * 64, "--out", "x", "--expires", "99999999d"),
        ("verify", "missing.lic"),
        ("verify", "trust.json", "--trust", "trust.json", "--key", "trust.json"),
        ("status", "publish", "--out", "x"),
        ("status", "show", "trust.json", "nonsense"),
        ("clock", "reset"),
    ],
)
def test_wrong_options(shell: Shell, args: tuple[str, ...]) -> None:
    shell.run("trust", "export", "trust.json")
    if args[:2] == ("status", "show"):
        publish(shell, "trust.json")
    shell.run("license", *args, code=2)


def test_only_the_licensor_issues(shell: Shell, granted: str) -> None:
    speaker = shell.key("mallory")
    out = ("--out", "x.lic")
    failed = shell.json("license", "issue", granted, *out, *speaker, code=4)
    assert "only acme" in failed["error"]["message"]
    failed = shell.json("license", "issue", "sha256:" + "0" * 64, *out, code=1)
    assert "no grant" in failed["error"]["message"]
    failed = shell.json("license", "issue", granted, *out, "--machine", "mine", code=1)
    assert "no machine's name" in failed["error"]["message"]
    failed = shell.json("license", "issue", granted, *out, "--as", "mallory", code=3)
    assert failed["error"]["type"] == "UntrustedKeyError"
    assert not Path("x.lic").exists()


def test_a_list_is_shown(shell: Shell, granted: str, hands: Time) -> None:
    made = publish(shell, "status.jwt", "--w3c", "w3c.jwt", "--ttl", "6h", "--expires", "10d")
    assert made["grants"] == {"valid": 1, "invalid": 0, "suspended": 0}
    assert Path("w3c.jwt").read_bytes().count(b".") == 2
    shown = shell.json("license", "status", "show", "status.jwt")
    holds("license-status-show", shown)
    assert (shown["bits"], shown["ttl"], shown["issuer"], shown["index"]) == (2, 21_600, "acme", None)
    of = shell.json("license", "status", "show", "status.jwt", granted)
    holds("license-status-show", of)
    assert of["status"] == "valid"
    assert shell.json("license", "status", "show", "status.jwt", str(of["index"]))["status"] == "valid"
    assert "valid" in shell.run("license", "status", "show", "status.jwt", granted).stdout
    hands.shift = timedelta(hours=7)
    assert shell.json("license", "status", "show", "status.jwt")["warnings"]
    assert "note:" in shell.run("license", "status", "show", "status.jwt").stdout
    shell.run("revoke", granted, "--cause", "unpaid")
    publish(shell)
    of = shell.json("license", "status", "show", "status.jwt", granted, code=4)
    assert of["status"] == "invalid"
    shell.fail("license", "status", "show", "status.jwt", "999", code=3)
    shell.fail("license", "status", "show", "status.jwt", "sha256:" + "0" * 64, code=1)
    assert "2 grants" not in shell.run("license", "status", "publish", "--uri", URI, "--out", "x").stdout


def test_grants_of_others_stand_in_no_list_of_ours(shell: Shell, granted: str) -> None:
    del granted
    speaker = shell.key("maker")
    other = write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", other, "--mine", "--license", "cc-by-nc-4.0", *speaker)
    shell.run("grant", other, "--to", "bigcorp", "--for", "deploy", *speaker)
    assert publish(shell)["grants"]["valid"] == 1
    made = shell.json("license", "status", "publish", "--uri", URI, "--out", "x", *speaker)
    assert made["grants"]["valid"] == 1


def test_a_model_that_changed_hands(edge: Shell, shell: Shell, granted: str, hands: Time) -> None:
    speaker = shell.key("heir")
    shell.run("transfer", "churn", "--to", "heir")
    shell.run("trust", "export", edge.folder / "trust.json")
    hands.shift = timedelta(seconds=2)
    out = str(edge.folder / "bigcorp.lic")
    shell.run("license", "issue", granted, "--out", out, "--status-uri", URI, *speaker)
    shell.run("license", "status", "publish", "--uri", URI, "--out", edge.folder / "status.jwt", *speaker)
    found = verify(edge, *OFFLINE)
    assert (found["licence"]["issuer"], found["code"]) == ("heir", "granted")


@pytest.mark.parametrize("name", ["bigcorp.lic", "status.jwt", "trust.json", "churn.bundle.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"a.b.c", b"\xff\xfe", b"[" * 10_000])
def test_damaged_files(edge: Shell, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    more = ("--bundle", "churn.bundle.json")
    assert fails(edge, "MalformedError", *OFFLINE, *more)
    edge.fail("license", "verify", "bigcorp.lic", *OFFLINE, *more, code=3)


def test_the_time_of_a_test_is_one(hands: Time) -> None:
    reads: list[Callable[[], datetime]] = [resource.now, clock_module.now]
    hands.shift = timedelta(days=1)
    assert all(read() > REAL + timedelta(hours=23) for read in reads)


def test_a_grant_with_limits(edge: Shell, shell: Shell, hands: Time) -> None:
    grant = str(
        shell.json("grant", "churn", "--to", "bigcorp", "--for", "deploy", "--bound", "inferences=100")[
            "grant"
        ]
    )
    hands.shift = timedelta(seconds=2)
    publish(shell, str(edge.folder / "status.jwt"))
    issue(shell, grant, out=str(edge.folder / "bigcorp.lic"))
    assert verify(edge, *OFFLINE, code=5)["code"] == "usage-unknown"
    assert verify(edge, *OFFLINE, "--used", "inferences=99")["left"] == {"inferences": 1}
    assert verify(edge, *OFFLINE, "--used", "inferences=100", code=4)["code"] == "quota-exceeded"
    for wrong in ("inferences", "=1", "inferences=-1", "inferences=9223372036854775808"):
        edge.run("license", "verify", "bigcorp.lic", *OFFLINE, "--used", wrong, code=2)
