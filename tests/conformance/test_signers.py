import itertools
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from weightmark.ports import Signer
from weightmark.testing.signer import SignerSuite
from weightmark_plugins.signers.file import FileSigner


def refuse(what: str) -> str:
    raise AssertionError(f"asked for {what}")


class TestEd25519File(SignerSuite):
    def make(self, tmp_path: Path) -> Signer:
        return FileSigner.generate(tmp_path / "key.pem")


class TestP256File(SignerSuite):
    def make(self, tmp_path: Path) -> Signer:
        return FileSigner.generate(tmp_path / "key.pem", scheme="p256")


class TestProtectedFile(SignerSuite):
    def make(self, tmp_path: Path) -> Signer:
        FileSigner.generate(tmp_path / "key.pem", passphrase=b"open sesame")
        return FileSigner.open(f"file:{tmp_path}/key.pem", ask_secret=lambda _: "open sesame")


class TestP384File(SignerSuite):
    _curves = itertools.repeat(ec.SECP384R1())

    def make(self, tmp_path: Path) -> Signer:
        path = tmp_path / "key.pem"
        key = ec.generate_private_key(next(self._curves))
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        return FileSigner.open(f"file:{path}", ask_secret=refuse)


class TestP521File(TestP384File):
    _curves = itertools.repeat(ec.SECP521R1())
