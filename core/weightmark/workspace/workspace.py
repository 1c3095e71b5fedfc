"""The workspace: settings, keys, ledger and plugins in one object, and everything one does with them."""

import threading
from collections.abc import Callable, Iterator

from weightmark.claims import Claim, Subject
from weightmark.encoding import parse_digest
from weightmark.fingerprinting import DigestCache
from weightmark.index import RegisteredModel
from weightmark.log import Receipt
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace.finding import Round
from weightmark.workspace.following import follow
from weightmark.workspace.gate import VersionRule
from weightmark.workspace.granting import Granting
from weightmark.workspace.metering.meter import Meter
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.pacing import Pace
from weightmark.workspace.reading import Progress, registry_for
from weightmark.workspace.recording import Recorded, record, require_owner
from weightmark.workspace.syncing import Synced, Synchronization
from weightmark.workspace.watching import Watch, keep_watching


class Workspace(Granting):
    """Settings, keys, ledger and plugins, and the road that uses them. Safe to use from many threads.

    Args:
        configuration: the settings; None to read them from files and environment.
        plugins: what is installed; None to look.
        clock: gives the present time, UTC.
        ask_secret: asked for a key's passphrase; None to take ``WEIGHTMARK_PASSPHRASE``.
    """

    def handle(
        self,
        event: ModelEvent,
        *,
        resolved: ResolvedModel | None = None,
        progress: Progress | None = None,
        cache: DigestCache | None = None,
    ) -> Outcome:
        """Take an event down the road: resolve, fingerprint, decide, sign, append, project, tell.

        Args:
            event: what is about to happen.
            resolved: the files, when the caller has them already.
            progress: told the bytes done and the bytes in all.
            cache: digests of files that have not changed since; None to read everything.

        Returns:
            Whether the platform may go on, and what was recorded.

        Raises:
            WeightmarkError: it could not be decided; the caller must refuse.
        """
        return self._tell(self._road.take(event, resolved, progress, cache=cache))

    def follow(self, event: ModelEvent, *, progress: Progress | None = None, tags: bool = True) -> Outcome:
        """Take an event that has happened already: register, judge, annotate, and undo a refused use.

        The same event taken twice, late or out of order ends the same.

        Args:
            event: what happened; its URI is one of a platform's.
            progress: told the bytes done and the bytes in all.
            tags: whether what came of it is written to the platform's tags.

        Raises:
            WeightmarkError: it could not be read, decided, recorded or written; taking it again is safe.
        """
        registry = registry_for(event.uri, self.plugins)
        return self._tell(follow(self._road, registry, event, progress, tags=tags))

    def sync(  # noqa: PLR0913 - what a person may say
        self,
        uri: str,
        *,
        jobs: int = 4,
        limit: int | None = None,
        rate: float | None = None,
        retry_failed: bool = False,
        tags: bool = True,
        tell: Callable[[Synced], None] | None = None,
    ) -> Synced:
        """Register what is on a platform already; a run that was killed is simply run again.

        Args:
            uri: what the platform lists: a server, an organisation, a project, a model.
            jobs: how many versions are worked on at once.
            limit: how many versions are worked on at most; None for all that are not registered yet.
            rate: how many versions are begun in a second at most; None for as many as there can be.
            retry_failed: whether what failed is tried once more at the end.
            tags: whether the platform's tags are written; without them a later run writes them.
            tell: told of every version that is done.

        Returns:
            What was registered, what was there, what failed and why; ``stopped`` when the platform or the
            ledger was down for good.

        Raises:
            UnknownPluginError: no installed registry knows the scheme.
            UntrustedKeyError: our key may not speak for our party, so nothing can be registered.
            WeightmarkError: nothing could be listed at all.
        """
        registry = registry_for(uri, self.plugins)
        self.resources.require_own_key(self.clock())
        synced = Synced(uri=uri)

        def register(event: ModelEvent, *, tags: bool) -> Outcome:
            return self._tell(follow(self._road, registry, event, None, tags=tags, recall=True))

        run = Synchronization(
            self.resources, registry, register, synced, pace=Pace(rate), tags=tags, tell=tell
        )
        run.run(jobs=jobs, limit=limit, retry_failed=retry_failed)
        return synced

    def watch(
        self,
        uri: str,
        *,
        every: float | None = None,
        deployed_only: bool = False,
        stopped: threading.Event | None = None,
        tell: Callable[[Round], None] | None = None,
    ) -> Iterator[Round]:
        """Verify what is registered and deployed again and again; observers are told what changed.

        What was found is kept in ``watch.db`` in the home folder, so that only changes are told, also after
        a restart. Versions that nobody registered count when the platform says that they are deployed.

        Args:
            uri: what the platform lists: a server, an organisation, a project, a model.
            every: seconds from the beginning of a round to that of the next; None to look once.
            deployed_only: whether versions that are not in use are passed over.
            stopped: set to end it after the version at hand.
            tell: told of every version that was looked at.

        Yields:
            Each round when it is over; a platform or a ledger that fails is its ``error``.

        Raises:
            UnknownPluginError: no installed registry knows the scheme.
            LedgerError: ``watch.db`` cannot be used.
        """
        registry, pace = registry_for(uri, self.plugins), Pace()
        pace.stopped = stopped or pace.stopped
        watch = Watch(
            self.resources,
            self._road,
            registry,
            uri,
            clock=self.clock,
            notify=self.resources.notify,
            pace=pace,
        )
        return keep_watching(lambda: watch.look(deployed_only=deployed_only, tell=tell), every, pace.stopped)

    def _tell(self, outcome: Outcome) -> Outcome:
        self.resources.notify(outcome.event, outcome.to_json())
        return outcome

    def register(  # noqa: PLR0913 - what a person may say when registering
        self,
        uri: str,
        *,
        name: str = "",
        version: str = "",
        license_: str | None = None,
        mine: bool = False,
        bases: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> Outcome:
        """Register what a path or a URI names: fingerprint, sign, record, and write the tags back.

        Args:
            uri: a path or a platform's URI.
            name: what to call it; empty for the platform's or the folder's name.
            version: its version; empty for the platform's, or the first digits of its fingerprint.
            license_: its licence; None for what its own card says.
            mine: whether our party says that it owns it; else its licence binds us too.
            bases: what it was derived from.
            progress: told the bytes done and the bytes in all.

        Raises:
            WeightmarkError: it could not be read, decided or recorded.
        """
        resolved = self.resolve(uri)
        judged = self.configuration.versions is not VersionRule.OFF
        event = ModelEvent(
            kind=EventKind.REGISTER,
            uri=resolved.uri,
            name=name or resolved.name or resolved.path.resolve().name,
            version=(version or resolved.version) if judged else "",
            license=license_,
            owner=self.configuration.party.name if mine else None,
            base_models=bases,
        )
        outcome = self.handle(event, resolved=resolved, progress=progress)
        if outcome.model is not None and outcome.allowed:
            short = parse_digest(outcome.model.bundle)[1].hex()[:12]
            self.link(outcome, uri=resolved.uri, version=version or resolved.version or short)
            registry_for(resolved.uri, self.plugins).annotate(resolved.uri, outcome.tags())
        return outcome

    def link(self, outcome: Outcome, *, uri: str, version: str) -> Receipt | None:
        """Record which version of the platform a registered model became; the same link is recorded once.

        Args:
            outcome: of the registration.
            uri: the version's URI on the platform.
            version: its version there.

        Raises:
            LedgerError: recording failed.
        """
        return self._road.link(outcome, uri, version)

    def meter(self) -> Meter:
        """Give a meter, which counts uses under grants and checks their limits; one for all is best."""
        return Meter(self.resources, self.clock)

    def record(self, model: RegisteredModel, claim: Claim, *, owner_only: str = "") -> Recorded:
        """Sign one claim about a registered model and record it.

        Args:
            model: the model.
            claim: what is said.
            owner_only: what is about to be said, when only the owner may: "grant its use".

        Raises:
            NotEntitledError: our party does not own the model.
            LedgerError: recording failed; says whether it may have happened.
        """
        if owner_only:
            require_owner(self.resources, model, owner_only)
        subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
        return record(self.resources, subject, [claim], self.clock())[0]
