"""Auto-renewal: charges for our grants that end soon, and records the renewals that were paid.

Every step is on the disk before the next is taken, so that a run that was killed is simply run again. A
payment is named by the grant and the end that it is to pass, so that no period is charged twice.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from weightmark.claims import RenewalClaim, Statement, Subject
from weightmark.claims.offline.status_list import Status
from weightmark.discovery import choose
from weightmark.encoding import Json
from weightmark.errors import (
    NotEntitledError,
    PlatformError,
    UsageConflictError,
    WeightmarkError,
)
from weightmark.index import KnownGrant
from weightmark.licensing.renewal_state import (
    OVER,
    RenewalEvent,
    RenewalState,
    advance,
    next_attempt,
)
from weightmark.ports import Amount, Payment, PaymentState
from weightmark.workspace.file import alone
from weightmark.workspace.recording import record
from weightmark.workspace.renewing.renewable import (
    Act,
    Schedule,
    is_recorded,
    is_wanted,
    known_grants,
    next_act,
    payment_of,
    status_above,
)
from weightmark.workspace.renewing.renewal_file import RenewalEntry, RenewalFile
from weightmark.workspace.resource import Resources, now

DEFAULT_PROVIDER: Final = "manual"
_MOST_STEPS: Final = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalStep:
    """What a run did about one renewal, or would do.

    Attributes:
        entry: how far it is now.
        before: how far it was; None when it was scheduled just now.
        next: what is to be done next; after a run it waits, unless something stood in the way.
        trouble: what stood in the way; None when nothing did.
    """

    entry: RenewalEntry
    before: RenewalState | None
    next: Act
    trouble: WeightmarkError | None = None

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        trouble = self.trouble
        return {
            **self.entry.to_json(),
            "before": None if self.before is None else self.before.value,
            "next": self.next.value,
            "trouble": None
            if trouble is None
            else {"type": type(trouble).__name__, "message": trouble.message},
        }


class Renewals:
    """The renewals of one workspace's grants.

    Args:
        resources: the ledger, the index, the usage file, our party, what is installed.
        clock: gives the present time, UTC.
        provider: the provider of payments for renewals that were not charged yet: its name, or its URI.
        schedule: when renewals are charged.
    """

    def __init__(
        self,
        resources: Resources,
        clock: Callable[[], datetime] = now,
        *,
        provider: str = DEFAULT_PROVIDER,
        schedule: Schedule | None = None,
    ) -> None:
        self._resources = resources
        self._clock = clock
        self._provider = provider if ":" in provider else f"{provider}:"
        self._schedule = schedule or Schedule()
        self._file = RenewalFile(resources.usage)
        self._opened: dict[str, Payment] = {}

    def run(
        self, *, dry_run: bool = False, tell: Callable[[RenewalStep], None] | None = None
    ) -> list[RenewalStep]:
        """Schedule what ends soon, charge what is due, ask about what is not known, record what was paid.

        One run at a time works on a home folder; another waits for it.

        Args:
            dry_run: whether only to say what would be done.
            tell: told of every renewal that is done.

        Returns:
            Every renewal that is not over, or was not; ``trouble`` says what stood in its way.

        Raises:
            UnknownPluginError: there is no such provider.
            LedgerError: the ledger or the usage file cannot be used.
        """
        self._resources.catch_up()
        if dry_run:
            return [self._foresee(entry) for entry in (*self._file.listing(but=list(OVER)), *self._new())]
        folder = self._resources.configuration.home / "renewals"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        done: list[RenewalStep] = []
        try:
            with alone(folder):
                self._open(self._provider)
                added = {self._file.add(entry).key for entry in self._new()}
                for entry in self._file.listing(but=list(OVER)):
                    renewed = self._work_on(entry, None if entry.key in added else entry.state)
                    done.append(renewed)
                    if tell is not None:
                        tell(renewed)
        finally:
            while self._opened:
                self._opened.popitem()[1].close()
        return done

    def listing(self, grant: str = "") -> list[RenewalEntry]:
        """Give every renewal, of one grant or of all, in the order of the ends that they are to pass.

        Raises:
            LedgerError: the usage file cannot be read.
        """
        return self._file.listing(grant=grant)

    def find(self, key: str) -> RenewalEntry:
        """Give one renewal.

        Args:
            key: its key; or a grant's id, for the newest of that grant.

        Raises:
            WeightmarkError: there is none.
        """
        entry = self._file.find(key)
        if entry is None and (entries := self._file.listing(grant=key)):
            entry = entries[-1]
        if entry is None:
            raise WeightmarkError(
                f"there is no renewal {key[:120]}", hint="See the keys with `weightmark renewals list`."
            )
        return entry

    def decide(self, key: str, state: PaymentState) -> RenewalEntry:
        """Take an operator's word that a renewal was paid or will not be; the next run goes on from there.

        Raises:
            WeightmarkError: there is no such renewal.
            PlatformError: its provider knows by itself, or it was not charged yet.
        """
        entry = self.find(key)
        payment = self._open(entry.provider)
        try:
            payment.decide(entry.key, state)
        finally:
            self._opened.pop(entry.provider, payment).close()
        return entry

    def _new(self) -> list[RenewalEntry]:
        """Give the renewals that are due and not in the file yet."""
        at, party = self._clock(), self._resources.configuration.party.name
        found: list[RenewalEntry] = []
        for known in known_grants(self._resources):
            entry = self._first(known, at)
            if entry is None or entry.due > at or not is_wanted(known, party, entry.ends):
                continue
            last = known.life.grant.window.last
            if self._file.find(entry.key) is None and (last is None or at < last):
                found.append(entry)
        return found

    def _first(self, known: KnownGrant, at: datetime) -> RenewalEntry | None:
        grant = known.life.grant
        due = self._schedule.due(grant)
        if due is None or grant.renewal is None or grant.end is None:
            return None
        return RenewalEntry(
            grant=known.id,
            ends=grant.end,
            days=grant.renewal.days,
            amount=grant.renewal.amount,
            currency=grant.renewal.currency,
            payer=grant.grantee,
            provider=self._provider if grant.renewal.amount else "",
            state=RenewalState.SCHEDULED,
            attempts=0,
            due=due,
            changed=at,
        )

    def _foresee(self, entry: RenewalEntry) -> RenewalStep:
        return RenewalStep(entry=entry, before=entry.state, next=self._next(entry))

    def _next(self, entry: RenewalEntry) -> Act:
        party, known = self._resources.configuration.party.name, self._resources.index.grant(entry.grant)
        return next_act(entry, known, party, self._schedule, self._clock())

    def _work_on(self, entry: RenewalEntry, before: RenewalState | None) -> RenewalStep:
        """Do what is to be done, step by step, until it waits; each step once."""
        done: set[Act] = {Act.WAIT}
        for _ in range(_MOST_STEPS):
            act = self._next(entry)
            if act in done:
                break
            done |= {act, Act.ASK} if act is Act.CHARGE else {act}
            try:
                entry = self._do(act, entry)
            except (WeightmarkError, OSError) as error:
                trouble = error if isinstance(error, WeightmarkError) else WeightmarkError(str(error))
                _log.warning("the renewal %s waits: %s", entry.key, trouble.message)
                return RenewalStep(entry=self.find(entry.key), before=before, next=act, trouble=trouble)
        return RenewalStep(entry=entry, before=before, next=Act.WAIT)

    def _do(self, act: Act, entry: RenewalEntry) -> RenewalEntry:
        if act is Act.CHARGE:
            return self._charge(entry)
        if act is Act.ASK:
            return self._take(entry, self._ask(entry))
        if act is Act.RECORD:
            return self._record(entry)
        return self._take(entry, RenewalEvent(act.value))

    def _ask(self, entry: RenewalEntry) -> RenewalEvent:
        """Ask how far the payment is; nothing was asked for where nothing was ever charged.

        Raises:
            PlatformError: the provider cannot be asked.
        """
        if not entry.attempts:
            return RenewalEvent.NONE
        payment = self._open(entry.provider)
        try:
            return RenewalEvent(payment.state(entry.key).value)
        except WeightmarkError:
            raise
        except Exception as error:
            _log.exception("the provider of payments %s failed", entry.provider)
            raise PlatformError(
                f"the provider {entry.provider} failed: {type(error).__name__}", retryable=True
            ) from error

    def _charge(self, entry: RenewalEntry) -> RenewalEntry:
        """Ask for the money; that we are about to is on the disk before."""
        entry = self._refresh(entry)
        if not entry.amount:
            return self._take(entry, RenewalEvent.PAID)
        payment = self._open(entry.provider)
        entry = self._take(entry, RenewalEvent.CHARGE)
        amount = Amount(value=entry.amount, currency=entry.currency)
        try:
            answer = payment.charge(amount, payer=entry.payer, key=entry.key)
        except UsageConflictError as error:
            return self._take(entry, RenewalEvent.FAILED, error.message)
        except PlatformError as error:
            event = RenewalEvent.UNKNOWN if error.retryable else RenewalEvent.FAILED
            return self._take(entry, event, error.message)
        except Exception as error:
            _log.exception("the provider of payments %s failed", entry.provider)
            return self._take(entry, RenewalEvent.UNKNOWN, f"{type(error).__name__}; the log says more")
        return self._take(entry, RenewalEvent(answer.value))

    def _refresh(self, entry: RenewalEntry) -> RenewalEntry:
        """Take the price and the payer as the grant has them now, while nothing was charged under the key."""
        known = self._resources.index.grant(entry.grant)
        first = None if known is None else self._first(known, self._clock())
        if entry.attempts or first is None:
            return entry
        return self._file.change(
            entry,
            days=first.days,
            amount=first.amount,
            currency=first.currency,
            payer=first.payer,
            provider=first.provider,
        )

    def _record(self, entry: RenewalEntry) -> RenewalEntry:
        """Write a paid renewal to the ledger, once; or find that the money is owed back."""
        with self._resources.alone():
            self._resources.catch_up()
            known = self._resources.index.grant(entry.grant)
            if known is None:
                return self._take(entry, RenewalEvent.CANCEL, "the ledger has no such grant")
            if not is_recorded(known, entry):
                try:
                    self._append(known, entry)
                except NotEntitledError as error:
                    return self._take(entry, RenewalEvent.CANCEL, error.message)
        return self._take(entry, RenewalEvent.RECORD)

    def _append(self, known: KnownGrant, entry: RenewalEntry) -> None:
        at, grant = self._clock(), known.life.grant
        model = self._resources.index.find(known.bundle)
        party = self._resources.configuration.party.name
        if model is None or grant.end is None or known.licensor != party or known.life.revoked_at is not None:
            raise NotEntitledError("the grant was revoked, or has no end any more, or is not ours to renew")
        if not entry.amount and not is_wanted(known, party, entry.ends):
            raise NotEntitledError("the grant is not to be renewed from this end any more")
        if status_above(known, at) is Status.INVALID:
            raise NotEntitledError("the grant above it was revoked")
        end = max(entry.ends, grant.end) + timedelta(days=entry.days)
        claim = RenewalClaim(target=known.id, end=end, payment=payment_of(entry), issued_at=at)
        subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
        self._resources.index.require(Statement(subject=subject, claim=claim), [party])
        record(self._resources, subject, [claim], at)

    def _take(self, entry: RenewalEntry, event: RenewalEvent, note: str = "") -> RenewalEntry:
        """Take a step; what is returned is on the disk."""
        at, state = self._clock(), advance(entry.state, event)
        if state is entry.state:
            return entry
        changes: dict[str, object] = {"state": state, "changed": at, "note": note[:500]}
        if state is RenewalState.CHARGING:
            changes["attempts"] = entry.attempts + 1
        if event is RenewalEvent.NONE and state is RenewalState.SCHEDULED:
            changes["attempts"] = max(0, entry.attempts - 1)
        if state is RenewalState.FAILED:
            again = next_attempt(at, max(1, entry.attempts), self._schedule.retry_days)
            changes["due"] = at if again is None else again
        _log.info("the renewal %s is %s, was %s", entry.key, state.value, entry.state.value)
        return self._file.change(entry, **changes)

    def _open(self, uri: str) -> Payment:
        if uri not in self._opened:
            cls = choose(self._resources.plugins.payments, uri, "provider of payments")
            self._opened[uri] = cls.open(uri, home=self._resources.configuration.home)
        return self._opened[uri]
