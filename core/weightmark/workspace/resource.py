"""What a workspace works with, opened when first needed: keys, ledger, store, index, trust root."""

import logging
import os
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from weightmark.claims import TrustedKey, TrustRoot
from weightmark.claims.trust import MAX_SIZE as MAX_TRUST
from weightmark.discovery import Plugins, choose
from weightmark.encoding import Json
from weightmark.errors import LedgerError, MalformedError, UntrustedKeyError, WeightmarkError
from weightmark.forking import renew_in_child
from weightmark.index import Index
from weightmark.log import LogKey
from weightmark.model.event import ModelEvent
from weightmark.ports import AskSecret, Ledger, Observer, Signer, Store
from weightmark.vocabulary import PASSPHRASE
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.file import alone, read_bounded, write_whole
from weightmark.workspace.metering.usage_file import FILE_NAME, UsageFile
from weightmark.workspace.policing.policing import Policing
from weightmark.workspace.realm import RealmIndex

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
T = TypeVar("T")


def now() -> datetime:
    """Read the system's clock: the present time, UTC."""
    return datetime.now(UTC)


def passphrase_from_environment(what: str) -> str:
    """Take the passphrase from ``WEIGHTMARK_PASSPHRASE``.

    Raises:
        WeightmarkError: it is not set.
    """
    secret = os.environ.get(PASSPHRASE)
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
        self._inside = threading.local()
        self._trust: tuple[bytes, TrustRoot] | None = None
        self._policing = Policing(configuration.policy, plugins)
        self._opened: list[Ledger | Store | Index | UsageFile] = []
        self._made: dict[str, object] = {}
        renew_in_child(self)

    def forget_threads(self) -> None:
        """Take a new lock, in a process that was forked."""
        self._lock = threading.RLock()

    @property
    def signer(self) -> Signer:
        """The key that signs our statements; made on first use when it is the default one."""
        uri = self.configuration.signer
        default = f"file:{self.configuration.home / 'keys' / 'signer.pem'}"
        return self._once("signer", lambda: self._key(uri, make=uri == default))

    @property
    def log_signer(self) -> Signer:
        """The key that signs the ledger's checkpoints; made on first use."""
        return self._once("log_signer", lambda: self._key(self.configuration.log_signer, make=True))

    @property
    def ledger(self) -> Ledger:
        """The ledger; made on first use."""
        return self._once("ledger", self._open_ledger)

    @property
    def store(self) -> Store:
        """The store of manifests; made on first use."""
        return self._once("store", self._open_store)

    @property
    def index(self) -> RealmIndex:
        """The index, brought up to what the ledger had when it was opened."""
        return self._once("index", self._open_index)

    @property
    def usage(self) -> UsageFile:
        """The file of what was used, reserved and charged; made when something is first written."""
        return self._once("usage", self._open_usage)

    @property
    def policing(self) -> Policing:
        """The organisation's policy, as its file is now."""
        return self._policing

    def catch_up(self) -> None:
        """Bring the index up to the ledger's newest entry."""
        self.index.catch_up(self.ledger, self.trust)

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Look and record as one step: nobody else who uses this home folder records in between.

        One inside another is the same.

        Raises:
            LedgerError: the home folder cannot be made or locked.
        """
        if getattr(self._inside, "alone", False):
            yield
            return
        folder = self.configuration.home
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerError(f"{folder} could not be made: {error}") from error
        with alone(folder):
            self._inside.alone = True
            try:
                yield
            finally:
                self._inside.alone = False

    def rebuild_index(self) -> int:
        """Make the index anew from the ledger, also when the old one does not fit it; give its entries."""
        with self._lock:
            if "index" in self._made:
                return self.index.rebuild(self.ledger, self.trust)
            ledger, index = self.ledger, self._new_index()
            self._opened.append(index)
            count = index.rebuild(ledger, self.trust)
            self._made["index"] = index
            return count

    @property
    def trust(self) -> TrustRoot:
        """The trust root, as the file has it now; made with our own key and log when there is none."""
        with self._lock:
            try:
                return self._read_trust()
            except FileNotFoundError:
                return self._first_trust()

    def save_trust(self, trust: TrustRoot) -> None:
        """Put another trust root in the file's place, whole or not at all."""
        write_whole(self.configuration.trust, trust.encode())

    def add_trust(self, key: TrustedKey) -> None:
        """Trust one more key; of several processes that do so at once none undoes what another did.

        Raises:
            MalformedError: the key is trusted already, but for another identity or another time.
        """
        file = self.configuration.trust
        _ = self.trust  # made, with its folder, when there was none
        with alone(file.parent):
            write_whole(file, self.trust.add(key).encode())

    @property
    def observers(self) -> list[Observer]:
        """The observers that the settings name."""
        offered = self.plugins.observers
        names = self.configuration.observers
        return self._once("observers", lambda: [choose(offered, name, "observer")() for name in names])

    def notify(self, event: ModelEvent, told: Mapping[str, Json]) -> None:
        """Tell every observer; one that fails is logged and stops nobody."""
        for observer in self.observers:
            try:
                observer.notice(event, told)
            except WeightmarkError as error:
                _log.warning("the observer %s failed: %s", observer.name, error.message)
            except Exception:
                _log.exception("the observer %s failed", observer.name)

    def require_own_key(self, at: datetime) -> None:
        """Check that our key may speak for our party, before anything is recorded in its name.

        Raises:
            UntrustedKeyError: the trust root does not say so.
        """
        party, key_id = self.configuration.party.name, self.signer.public_key.key_id
        trusted = self.trust.find(key_id)
        if trusted is not None and trusted.identity == party and trusted.is_valid(at):
            return
        key, file = f"the key {key_id[:16]}…", self.configuration.trust
        if trusted is None:
            what = f"{key} is not in the trust root {file}"
            hint = f"If the key is {party}'s: `weightmark trust add KEY.pub --identity {party}`."
        elif trusted.identity != party:
            what = f"{key} is {trusted.identity}'s in the trust root {file}"
            hint = (
                f"Speak as {trusted.identity} (--as {trusted.identity}, or `party` in the settings), or give"
                f" {party} a key: `weightmark keygen {party}.pem`,"
                f" `weightmark trust add {party}.pem.pub --identity {party}`, then --key file:{party}.pem."
            )
        else:
            what = f"{key} of {party} does not count now, by the trust root {file}"
            hint = f"Make a new key and trust it: `weightmark keygen {party}.pem`."
        raise UntrustedKeyError(f"{what}, so nothing can be recorded in the name of {party}", hint=hint)

    def close(self) -> None:
        """Close what was opened; closing twice does nothing."""
        with self._lock:
            while self._opened:
                self._opened.pop().close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        # One lock for all, so that threads which open different things first never wait for one another.
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return cast("T", self._made[name])

    def _open_ledger(self) -> Ledger:
        uri, signer = self.configuration.ledger, self.log_signer
        origin = self.configuration.origin or f"weightmark.local/{signer.public_key.key_id[:16]}"
        cls = choose(self.plugins.ledgers, uri, "ledger")
        try:
            ledger = cls.open(uri, signer=signer, origin=origin)
        except ValueError as error:
            raise MalformedError(f"the ledger cannot be opened: {error}", hint="Mend `origin`.") from error
        self._opened.append(ledger)
        return ledger

    def _open_store(self) -> Store:
        uri = self.configuration.store
        store = choose(self.plugins.stores, uri, "store").open(uri)
        self._opened.append(store)
        return store

    def _open_usage(self) -> UsageFile:
        usage = UsageFile(self.configuration.home / FILE_NAME)
        self._opened.append(usage)
        return usage

    def _new_index(self) -> RealmIndex:
        _ = self.usage  # which is read under the index's lock, and so must be known to forks before it
        return RealmIndex(self.configuration.index, self.configuration.realm)

    def _open_index(self) -> RealmIndex:
        ledger, index = self.ledger, self._new_index()
        try:
            index.catch_up(ledger, self.trust)
        except BaseException:
            index.close()
            raise
        self._opened.append(index)
        return index

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
        # Another process may make it in the same moment; then its trust root is the one.
        write_whole(self.configuration.trust, trust.encode(), over=False)
        return self._read_trust()

    def _read_trust(self) -> TrustRoot:
        file = self.configuration.trust
        if not file.exists():
            raise FileNotFoundError(file)
        data = read_bounded(file, MAX_TRUST)
        if self._trust is None or self._trust[0] != data:
            self._trust = data, TrustRoot.decode(data)
        return self._trust[1]


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
