import errno
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from weightmark.claims.key import PublicKey
from weightmark.errors import MalformedError, SignatureError, UntrustedKeyError, WeightmarkError
from weightmark_plugins.signers.file import FileSigner, path_of, weightmark_signers
from weightmark_plugins.signers.verifier import FileVerifier

SECRET = "correct horse battery staple"


def never(what: str) -> str:
    raise AssertionError(f"asked for {what}")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_key(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.chmod(0o600)
    return f"file:{path}"


@pytest.mark.parametrize("scheme", ["ed25519", "p256"])
def test_generated_key_opens_and_signs(tmp_path: Path, scheme: str) -> None:
    made = FileSigner.generate(f"file:{tmp_path}/key.pem", scheme=scheme)
    opened = FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=never)
    assert opened.public_key == made.public_key
    made.public_key.verify(b"message", opened.sign(b"message").value)
    assert mode_of(tmp_path / "key.pem") == 0o600
    assert mode_of(tmp_path / "key.pem.pub") == 0o644
    assert PublicKey.from_pem((tmp_path / "key.pem.pub").read_bytes()) == made.public_key
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.pem", "key.pem.pub"]


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o777)
    try:
        FileSigner.generate(tmp_path / "key.pem")
    finally:
        os.umask(old)
    assert mode_of(tmp_path / "key.pem") == 0o600
    assert mode_of(tmp_path / "key.pem.pub") == 0o644


def test_passphrase_is_asked_for_once_and_needed(tmp_path: Path) -> None:
    made = FileSigner.generate(tmp_path / "key.pem", passphrase=SECRET.encode())
    data = (tmp_path / "key.pem").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in data
    with pytest.raises(TypeError):
        load_pem_private_key(data, None)
    asked: list[str] = []
    opened = FileSigner.open(
        f"file:{tmp_path}/key.pem", ask_secret=lambda what: (asked.append(what), SECRET)[1]
    )
    assert opened.public_key == made.public_key
    assert asked == [f"the passphrase of {tmp_path}/key.pem"]


def test_wrong_passphrase_is_said_without_showing_it(tmp_path: Path) -> None:
    FileSigner.generate(tmp_path / "key.pem", passphrase=SECRET.encode())
    with pytest.raises(WeightmarkError, match=r"does not open the key file .*key\.pem") as caught:
        FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=lambda _: "wrong guess")
    shown = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert "wrong guess" not in shown
    assert not isinstance(caught.value, MalformedError)
    with pytest.raises(WeightmarkError):
        FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=lambda _: "")


def test_empty_passphrase_protects_nothing_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Pp]assword"):
        FileSigner.generate(tmp_path / "key.pem", passphrase=b"")
    assert list(tmp_path.iterdir()) == []


def test_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'rsa' is not a scheme"):
        FileSigner.generate(tmp_path / "key.pem", scheme="rsa")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["key.pem", "key.pem.pub"])
def test_nothing_is_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(WeightmarkError, match=f"{there} is there already"):
        FileSigner.generate(tmp_path / "key.pem")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_bytes() == b"precious"


def test_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "key.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightmarkError, match="is there already"):
        FileSigner.generate(tmp_path / "key.pem")
    assert not (tmp_path / "elsewhere").exists()


def test_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    made = FileSigner.generate(tmp_path / "key.pem")
    assert FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=never).public_key == made.public_key
    before = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem.pub").unlink()
    with pytest.raises(WeightmarkError, match="is there already"):
        FileSigner.generate(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before


def test_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightmarkError, match="No space left"):
        FileSigner.generate(tmp_path / "key.pem")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightmarkError, match="cannot be written"):
        FileSigner.generate(tmp_path / "no" / "key.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o610])
def test_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    FileSigner.generate(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(WeightmarkError, match=rf"key\.pem has mode {mode:04o}") as caught:
        FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=never)
    assert caught.value.hint == f"chmod 600 {tmp_path}/key.pem"


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WeightmarkError, match="there is no key file") as caught:
        FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=never)
    assert "weightmark keygen" in caught.value.hint
    with pytest.raises(WeightmarkError, match="is not a file"):
        FileSigner.open(f"file:{tmp_path}", ask_secret=never)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    plain = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(MalformedError, match="RSA"):
        FileSigner.open(write_key(tmp_path / "rsa.pem", plain), ask_secret=never)
    odd = ec.generate_private_key(ec.SECP256K1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(MalformedError, match="secp256k1"):
        FileSigner.open(write_key(tmp_path / "odd.pem", odd), ask_secret=never)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"\xff" * 100,
        b"x" * 70_000,
    ],
    ids=["empty", "text", "hollow", "binary", "long"],
)
def test_file_that_holds_no_key_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"key\.pem"):
        FileSigner.open(write_key(tmp_path / "key.pem", data), ask_secret=never)


def test_public_key_is_no_private_key(tmp_path: Path) -> None:
    made = FileSigner.generate(tmp_path / "key.pem")
    with pytest.raises(MalformedError, match="no private key"):
        FileSigner.open(write_key(tmp_path / "other.pem", made.public_key.pem), ask_secret=never)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_keys_made_elsewhere_sign(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    old = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"pw"))
    opened = FileSigner.open(write_key(tmp_path / "key.pem", old), ask_secret=lambda _: "pw")
    opened.public_key.verify(b"message", opened.sign(b"message").value)


def test_repr_names_uri_and_key_only(tmp_path: Path) -> None:
    made = FileSigner.generate(tmp_path / "key.pem", passphrase=SECRET.encode())
    assert repr(made) == f"FileSigner('file:{tmp_path}/key.pem', {made.public_key.key_id})"
    raw = load_pem_private_key((tmp_path / "key.pem").read_bytes(), SECRET.encode())
    assert isinstance(raw, ed25519.Ed25519PrivateKey)
    assert raw.private_bytes_raw().hex() not in f"{made!r} {made}"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:/abs/key.pem", "/abs/key.pem"),
        ("file:relative.pem", "relative.pem"),
        ("file:a b%20.pem", "a b%20.pem"),
        ("file:///abs/key%20one.pem", "/abs/key one.pem"),
        ("file://localhost/abs", "/abs"),
    ],
)
def test_uri_names_a_path(uri: str, path: str) -> None:
    assert path_of(uri) == Path(path)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:",
        "file://",
        "file:///",
        "key.pem",
        "sqlite:x",
        "file://host/x",
        "file:a\0b",
        "file:///a%00b",
    ],
)
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(MalformedError):
        path_of(uri)


def test_verifier_is_the_signers_pair(tmp_path: Path) -> None:
    signer = FileSigner.generate(tmp_path / "key.pem")
    other = FileSigner.generate(tmp_path / "other.pem")
    verifier = FileVerifier.open(f"file:{tmp_path}/key.pem.pub", identity="alice")
    assert verifier.verify(b"message", signer.sign(b"message")) == "alice"
    assert repr(verifier) == f"FileVerifier('alice', {signer.public_key.key_id})"
    with pytest.raises(SignatureError):
        verifier.verify(b"other", signer.sign(b"message"))
    with pytest.raises(UntrustedKeyError, match=other.public_key.key_id):
        verifier.verify(b"message", other.sign(b"message"))
    with pytest.raises(WeightmarkError, match="cannot be read"):
        FileVerifier.open(f"file:{tmp_path}/none.pub")
    with pytest.raises(MalformedError):
        FileVerifier.open(f"file:{tmp_path}/key.pem")


def test_plugin_offers_the_signer() -> None:
    assert weightmark_signers() == [FileSigner]
