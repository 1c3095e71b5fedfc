"""Licence files without any network at all, and read and written by another library."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from tests.licence_files import NOW, URI, Party, licence, licence_bytes, status_bytes, status_token
from tests.workshop import Shell, write_model

from weightmark.claims.offline.licence_file import KIND, verify_licence
from weightmark.claims.offline.status_token import KIND as LIST_KIND
from weightmark.claims.offline.status_token import verify_status

pytestmark = pytest.mark.integration

LAB = Party("lab")


@pytest.fixture
def peer() -> jwt.PyJWS:
    """Another JOSE library, told the algorithm's name of RFC 9864, which it does not know yet."""
    peer = jwt.PyJWS()
    peer.register_algorithm("Ed25519", jwt.get_algorithm_by_name("EdDSA"))
    return peer


@pytest.mark.parametrize("data", [licence_bytes(LAB), status_bytes(LAB, {1: 1})], ids=["licence", "list"])
def test_another_library_verifies_ours(peer: jwt.PyJWS, data: bytes) -> None:
    public = LAB.private.public_key()
    found = peer.decode_complete(data.decode().strip(), public, algorithms=["Ed25519"])
    assert json.loads(found["payload"])["iss"] == "lab"
    assert found["header"]["kid"] == LAB.key.key_id
    with pytest.raises(jwt.InvalidSignatureError):
        peer.decode(data.decode().strip(), Party("other").private.public_key(), algorithms=["Ed25519"])


def test_we_verify_what_another_library_signed(peer: jwt.PyJWS) -> None:
    def sign(payload: object, kind: str) -> bytes:
        headers = {"typ": kind, "kid": str(LAB.key.key_id)}
        return peer.encode(
            json.dumps(payload).encode(), LAB.private, algorithm="Ed25519", headers=headers
        ).encode()

    assert verify_licence(sign(licence().to_json(), KIND), LAB.trusted(), NOW).licence == licence()
    listed = verify_status(sign(status_token({1: 1}).to_json(), LIST_KIND), LAB.trusted(), NOW)
    assert listed.token == status_token({1: 1})


def isolated() -> list[str]:
    """Give what runs a command in a network of its own with nothing in it, where the system lets us."""
    unshare = shutil.which("unshare")
    command = [] if unshare is None else [unshare, "--map-root-user", "--net"]
    if command and subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
        return command
    return []


def test_a_process_that_has_no_network_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(
        folder=tmp_path,
        env={"HOME": str(tmp_path), "WEIGHTMARK_HOME": str(tmp_path / "w"), "WEIGHTMARK_PARTY": "lab"},
    )
    write_model(tmp_path / "churn")
    shell.run("register", "churn", "--license", "cc-by-nc-4.0", "--mine")
    grant = str(shell.json("grant", "churn", "--to", "acme", "--for", "deploy")["grant"])
    shell.run("license", "issue", grant, "--out", "acme.lic", "--status-uri", URI)
    shell.run("license", "status", "publish", "--uri", URI, "--out", "status.jwt")
    program = "from weightmark.cli import main; main()"
    options = ("--model", "churn", "--status", "status.jwt", "--key", "w/keys/signer.pem.pub", "--json")
    done = subprocess.run(
        [*isolated(), sys.executable, "-c", program, "license", "verify", "acme.lic", *options],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WEIGHTMARK_HOME": str(tmp_path / "edge")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["intact"] is True
    assert sorted(path.name for path in (tmp_path / "edge").rglob("*") if path.is_file()) == [
        "marks.json",
        "seal",
    ]
