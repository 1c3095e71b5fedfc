"""What a workspace works with, opened when first needed: keys, ledger, store, index, trust root."""

import os
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from weightmark.claims import TrustedKey, TrustRoot
from weightmark.discovery import Plugins, choose
from weightmark.errors import LedgerError, MalformedError, UntrustedKeyError, WeightmarkError
from weightmark.index import Index
from weightmark.log import LogKey
from weightmark.ports import AskSecret, Ledger, Observer, Signer, Store
from weightmark.workspace.configuration import Configuration

Clock = Callable[[], datetime]


def now() -> datetime:
    """Read the system's clock: the present time, UTC."""
    return datetime.now(UTC)


def passphrase_from_environment(what: str) -> str:
    """Take the passphrase from ``WEIGHTMARK_PASSPHRASE``.

    Raises:
        WeightmarkError: it is not set.
    """
    secret = os.environ.get("WEIGHTMARK_PASSPHRASE")
    if secret is None:
        raise WeightmarkError(
            f"{what} is protected by a passphrase and none was given", hint="Set WEIGHTMARK_PASSPHRASE."
        )
    return secret


class Resources:
    """Everything a workspace opens.

    Args:
        configuration: the settings.
        plugins: what is installed.
        ask_secret: asked for passphrases.
    """

    def __init__(self, configuration: Configuration, plugins: Plugins, ask_secret: AskSecret) -> None:
        self.configuration = configuration
        self.plugins = plugins
        self._ask_secret = ask_secret
        self._lock = threading.RLock()
        self._opened: list[Ledger | Store | Index] = []

    @cached_property
    def signer(self) -> Signer:
        """The key that signs our statements; made on first use when it is the default one."""
        uri = self.configuration.signer
        with self._lock:
            return self._key(uri, make=uri == f"file:{self.configuration.home / 'keys' / 'signer.pem'}")

    @cached_property
    def log_signer(self) -> Signer:
        """The key that signs the ledger's checkpoints; made on first use."""
        with self._lock:
            return self._key(self.configuration.log_signer, make=True)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger; made on first use."""
        with self._lock:
            uri = self.configuration.ledger
            origin = self.configuration.origin or f"weightmark.local/{self.log_signer.public_key.key_id[:16]}"
            ledger = choose(self.plugins.ledgers, uri, "ledger").open(
                uri, signer=self.log_signer, origin=origin
            )
            self._opened.append(ledger)
            return ledger

    @cached_property
    def store(self) -> Store:
        """The store of manifests; made on first use."""
        with self._lock:
            uri = self.configuration.store
            store = choose(self.plugins.stores, uri, "store").open(uri)
            self._opened.append(store)
            return store

    @cached_property
    def index(self) -> Index:
        """The index, brought up to what the ledger had when it was opened."""
        ledger = self.ledger
        with self._lock:
            index = Index(self.configuration.index)
            self._opened.append(index)
            index.catch_up(ledger, self.trust)
            return index

    def catch_up(self) -> None:
        """Bring the index up to the ledger's newest entry."""
        self.index.catch_up(self.ledger, self.trust)

    @property
    def trust(self) -> TrustRoot:
        """The trust root, as the file has it now; made with our own key and log when there is none."""
        with self._lock:
            try:
                return TrustRoot.decode(self.configuration.trust.read_bytes())
            except FileNotFoundError:
                return self._first_trust()
            except OSError as error:
                raise MalformedError(
                    f"the trust root {self.configuration.trust} cannot be read: {error}"
                ) from error

    def save_trust(self, trust: TrustRoot) -> None:
        """Put another trust root in the file's place, whole or not at all."""
        write_whole(self.configuration.trust, trust.encode())

    @cached_property
    def observers(self) -> list[Observer]:
        """The observers that the settings name."""
        offered = self.plugins.observers
        return [choose(offered, name, "observer")() for name in self.configuration.observers]

    def require_own_key(self, at: datetime) -> None:
        """Check that our key may speak for our party, before anything is recorded in its name.

        Raises:
            UntrustedKeyError: the trust root does not say so.
        """
        party, key_id = self.configuration.party.name, self.signer.public_key.key_id
        for trusted in self.trust.keys:
            if trusted.identity == party and trusted.key.key_id == key_id and trusted.is_valid(at):
                return
        raise UntrustedKeyError(
            f"the trust root {self.configuration.trust} has no valid key {key_id[:16]}… of {party}, so nothing can be"
            f" recorded in the name of {party}",
            hint=f"If the key is theirs: `weightmark trust add KEY.pub --identity {party}`.",
        )

    def close(self) -> None:
        """Close what was opened; closing twice does nothing."""
        while self._opened:
            self._opened.pop().close()

    def _key(self, uri: str, *, make: bool) -> Signer:
        cls = choose(self.plugins.signers, uri, "signer")
        path = Path(uri.removeprefix("file:"))
        if make and not path.exists():
            _make_key(cls, uri, path)
        return cls.open(uri, ask_secret=self._ask_secret)

    def _first_trust(self) -> TrustRoot:
        own = TrustedKey(identity=self.configuration.party.name, key=self.signer.public_key)
        # The ledger needs no trust root to open, so its key can be asked for here.
        trust = TrustRoot(keys=(own,), logs=(LogKey.parse(self.ledger.verifier_key),))
        self.save_trust(trust)
        return trust


def _make_key(cls: type[Signer], uri: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        cls.generate(uri)
    except WeightmarkError:
        # Another process may have made it in the same moment; then its key is the one.
        if not path.exists():
            raise
    except OSError as error:
        raise WeightmarkError(
            f"no key can be made at {path}: {error}", hint="Set WEIGHTMARK_HOME."
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens.

    Raises:
        LedgerError: it could not be written; what was there before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LedgerError(f"{path} could not be written: {error}") from error
