"""Keys in files: PKCS#8 PEM, readable by their owner only, under a passphrase when one was given.

Not promised: safety from whoever is root, or from a copy of the file. A key that must not be copied belongs
in a hardware token or a key management service.
"""

import errno
import os
import stat
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import unquote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey, Scheme
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.hookspecs import hookimpl
from weightmark.ports import AskSecret, Signer
from weightmark.workspace.file import sync_folder

MAX_KEY_FILE = 64 << 10
"""Bytes of a key file; a longer one is not read."""

_HASHES: dict[Scheme, type[HashAlgorithm]] = {
    Scheme.P256: SHA256,
    Scheme.P384: SHA384,
    Scheme.P521: SHA512,
}
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
_KEYGEN = "Make a key with `weightmark keygen`."


class FileSigner(Signer):
    """Signs with a private key that lies in a file.

    Args:
        uri: the URI it was opened by.
        private_key: the key, in memory; it is never shown.
    """

    name: ClassVar[str] = "file"

    def __init__(self, uri: str, private_key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
        self.uri = uri
        self._private_key = private_key
        der = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._public_key = PublicKey(der=der)

    @classmethod
    def open(cls, uri: str, *, ask_secret: AskSecret) -> Self:
        """Open a key file.

        Args:
            uri: ``file:/abs/key.pem``, ``file:relative.pem`` or ``file:///abs/key.pem``.
            ask_secret: called once, when the key is under a passphrase.

        Raises:
            MalformedError: the file holds no key, or one of another kind.
            WeightmarkError: there is no file, others may read it, or the passphrase is wrong.
        """
        path = path_of(uri)
        data = _read_private(path)
        passphrase: bytes | None = None
        if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in data or b"Proc-Type: 4,ENCRYPTED" in data:
            passphrase = ask_secret(f"the passphrase of {path}").encode("utf-8", "surrogatepass")
        try:
            key = load_pem_private_key(data, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            if passphrase is not None:
                # `from None`: what failed inside may carry what was typed.
                raise WeightmarkError(
                    f"the passphrase does not open the key file {path}",
                    hint="Type it again; a lost passphrase cannot be recovered.",
                ) from None
            raise MalformedError(f"the file {path} holds no private key in PEM", hint=_KEYGEN) from error
        if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
            kind = type(key).__name__.lstrip("_")
            raise MalformedError(
                f"the key file {path} holds a {kind}; expected Ed25519, P-256, P-384 or P-521",
                hint=_KEYGEN,
            )
        try:
            return cls(uri, key)
        except MalformedError as error:
            raise MalformedError(f"the key file {path}: {error.message}", hint=_KEYGEN) from error

    @classmethod
    def generate(cls, uri: str | Path, *, scheme: str = "ed25519", passphrase: bytes | None = None) -> Self:
        """Make a new key in a new file, and its public half beside it as ``<path>.pub``.

        The private file has mode 0600 from its first moment and appears whole or not at all; nothing is ever
        written over.

        Args:
            uri: where the private key goes, as for `open`, or its path; the folder must be there.
            scheme: ``ed25519`` or ``p256``.
            passphrase: encrypts the file; None to leave it to the file's mode alone.

        Raises:
            ValueError: there is no such scheme, or the passphrase is empty.
            MalformedError: the URI names no file.
            WeightmarkError: one of the files is there already, or cannot be written.
        """
        if scheme not in ("ed25519", "p256"):
            raise ValueError(f"{scheme!r} is not a scheme; expected 'ed25519' or 'p256'")
        path = uri if isinstance(uri, Path) else path_of(uri)
        public_path = public_path_of(path)
        key = Ed25519PrivateKey.generate() if scheme == "ed25519" else generate_private_key(SECP256R1())
        # An empty passphrase is refused here by the library, with a ValueError.
        protection = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        signer = cls(f"file:{path}", key)
        if public_path.exists() or public_path.is_symlink():
            raise _exists(public_path)
        _write_new(path, private, mode=0o600)
        _write_new(public_path, signer.public_key.pem, mode=0o644)
        return signer

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public_key

    def sign(self, message: bytes) -> Signature:
        """Sign a message.

        Args:
            message: any length.

        Raises:
            WeightmarkError: never, once the key is open.

        Source: RFC 8032 for Ed25519; FIPS 186-5 for ECDSA, the signature in DER.
        """
        key = self._private_key
        if isinstance(key, Ed25519PrivateKey):
            value = key.sign(message)
        else:
            value = key.sign(message, ECDSA(_HASHES[self._public_key.scheme]()))
        return Signature(key_id=self._public_key.key_id, value=value)

    def __repr__(self) -> str:
        """Name the URI and the key id, and nothing else."""
        return f"FileSigner({self.uri!r}, {self._public_key.key_id})"


def path_of(uri: str) -> Path:
    """Read the path out of a ``file:`` URI.

    Args:
        uri: ``file:/abs``, ``file:relative`` or ``file:///abs``; only the last knows ``%20`` and the like.

    Raises:
        MalformedError: it is no such URI, or names a file on another machine.

    Source: RFC 8089.
    """
    scheme, colon, rest = uri.partition(":")
    if scheme != "file" or not colon or not rest or "\0" in rest:
        raise MalformedError(f"{uri[:200]!r} does not name a key file", hint="Write file:/path/to/key.pem")
    if not rest.startswith("//"):
        return _file_path(uri, rest)
    host, slash, tail = rest[2:].partition("/")
    path = unquote(slash + tail)
    if host not in ("", "localhost") or not tail or "\0" in path:
        raise MalformedError(
            f"{uri[:200]!r} names a file on the host {host[:80]!r}", hint="Write file:///path/to/key.pem"
        )
    return _file_path(uri, path)


def _file_path(uri: str, text: str) -> Path:
    path = Path(text)
    if path.name in ("", ".."):
        raise MalformedError(f"{uri[:200]!r} names a folder", hint="Write file:/path/to/key.pem")
    return path


def public_path_of(path: Path) -> Path:
    """Give the path at which a key's public half lies: the same with ``.pub`` at its end.

    Raises:
        ValueError: the path names no file.
    """
    return path.with_name(path.name + ".pub")


def _read_private(path: Path) -> bytes:
    """Read a key file that nobody but its owner may read; the checks are made on the open file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise WeightmarkError(f"there is no key file {path}", hint=_KEYGEN) from error
    except OSError as error:
        raise WeightmarkError(
            f"the key file {path} cannot be opened: {error.strerror}", hint=f"ls -l {path}"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise WeightmarkError(f"{path} is not a file", hint=_KEYGEN)
        mode = stat.S_IMODE(status.st_mode)
        if os.name == "posix" and mode & 0o077:
            raise WeightmarkError(
                f"the key file {path} has mode {mode:04o}: others than its owner may use it",
                hint=f"chmod 600 {path}",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_KEY_FILE + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_KEY_FILE:
        raise MalformedError(
            f"the file {path} has more than {MAX_KEY_FILE} bytes; that is no key", hint=_KEYGEN
        )
    return data


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that was not there, whole or not at all: under another name first, then linked."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            _link(temporary, path, data, mode=mode)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise WeightmarkError(
            f"the key file {path} cannot be written: {error.strerror}",
            hint="Name a folder that is there and that you may write to.",
        ) from error


def _link(temporary: Path, path: Path, data: bytes, *, mode: int) -> None:
    """Give a finished file its name, if nothing has that name yet."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # This file system knows no second names: write the file again, under its own.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)


def _exists(path: Path) -> WeightmarkError:
    return WeightmarkError(
        f"the file {path} is there already; a key is never written over",
        hint="Name another file, or move this one away if you are sure that nothing is signed with it.",
    )


@hookimpl
def weightmark_signers() -> list[type[Signer]]:
    """Offer the signer of this file."""
    return [FileSigner]
