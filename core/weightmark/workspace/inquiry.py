"""What can be asked of a workspace: settings, keys, ledger and plugins in one object.

Not promised: a record of the answer. Nothing here signs or appends.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from weightmark.claims import Policy
from weightmark.discovery import Plugins
from weightmark.encoding import Algorithm, parse_time
from weightmark.errors import NotEntitledError, VerificationError
from weightmark.fingerprinting import DigestCache, Fingerprint
from weightmark.index import RegisteredModel
from weightmark.licensing import Action, Decision, FailMode, Tier
from weightmark.ports import AskSecret, ResolvedModel
from weightmark.similarity.comparison import Comparison
from weightmark.workspace.comparing import compare_models
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.deciding import ask_licence
from weightmark.workspace.lineage import works_of
from weightmark.workspace.opening.loader import Loader
from weightmark.workspace.permitting.current import AccessQuestion
from weightmark.workspace.permitting.permit import PATIENCE, RECHECK, Permit
from weightmark.workspace.reading import Progress, is_path, names_files
from weightmark.workspace.recording import bundle_of, manifest_of
from weightmark.workspace.rereading import algorithm_of, read_again
from weightmark.workspace.resource import Clock, Resources, now, passphrase_from_environment
from weightmark.workspace.road import Road
from weightmark.workspace.sketching import Candidate, find_similar
from weightmark.workspace.verification import Expectation, Verification, verify_fingerprint


class Inquiry:
    """Settings, keys, ledger and plugins, and the questions they answer. Safe to use from many threads.

    Args:
        configuration: the settings; None to read them from files and environment.
        plugins: what is installed; None to look.
        clock: gives the present time, UTC.
        ask_secret: asked for a key's passphrase; None to take ``WEIGHTMARK_PASSPHRASE``.
    """

    def __init__(
        self,
        configuration: Configuration | None = None,
        plugins: Plugins | None = None,
        *,
        clock: Clock = now,
        ask_secret: AskSecret = passphrase_from_environment,
    ) -> None:
        self.configuration = configuration or Configuration.load()
        self.plugins = plugins or Plugins()
        self.clock = clock
        self.resources = Resources(self.configuration, self.plugins, ask_secret)
        self._road = Road(self.resources, clock)

    @classmethod
    def open(cls, **overrides: str) -> Self:
        """Open the workspace that the settings describe.

        Args:
            overrides: settings that win over files and environment, by their names in ``weightmark.toml``.

        Raises:
            MalformedError: a setting is not what it should be.
        """
        return cls(Configuration.load(overrides))

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a path or a platform's URI into files on this machine.

        Raises:
            UnknownPluginError: no installed registry knows the scheme.
            PlatformError: the platform refused, failed, or has no such model.
            MalformedError: the settings lie inside the model's own folder.
        """
        return self._road.resolve(uri)

    def fingerprint(
        self,
        model: str | ResolvedModel,
        *,
        algorithm: Algorithm | None = None,
        progress: Progress | None = None,
        threads: int | None = None,
        cache: DigestCache | None = None,
    ) -> Fingerprint:
        """Fingerprint a model; nothing is recorded, no key and no ledger is touched.

        Args:
            model: a path, a URI, or what ``resolve`` gave.
            algorithm: the hash function; None for the one in the settings.
            progress: told the bytes done and the bytes in all.
            threads: how many hash at once; None to choose.
            cache: digests of files that have not changed since; None to read everything.

        Raises:
            MalformedError: the files are not safe to read, are damaged, or change while they are read.
        """
        resolved = self.resolve(model) if isinstance(model, str) else model
        return self._road.fingerprint(
            resolved, algorithm=algorithm, progress=progress, threads=threads, cache=cache
        )

    def find(self, reference: str) -> RegisteredModel:
        """Find a registered model.

        Args:
            reference: a path (whose files are read), a URI, a digest, or a name.

        Raises:
            NotEntitledError: nothing registered fits.
        """
        model = self._seek(reference)
        if model is None:
            raise NotEntitledError(
                f"nothing registered fits {reference!r}",
                hint="See what is there: `weightmark history`; or register it: `weightmark register PATH`.",
            )
        return model

    def _seek(self, reference: str) -> RegisteredModel | None:
        # What lies at a path may have changed since it was registered, so its files say what it is.
        model = None if is_path(reference) else self._road.lookup(reference)
        if model is None and names_files(reference):
            resolved = self.resolve(reference)
            model = self._road.lookup(resolved.uri)
            found = self._road.fingerprint(resolved, algorithm=algorithm_of(model))
            if model is None or found.bundle != model.bundle:
                model = self._road.lookup(found.bundle)
        return model

    def similar(self, model: str | ResolvedModel, *, limit: int = 10) -> list[Candidate]:
        """Find the registered models that are most like a model, by their sketches; nothing is recorded.

        What is found is nominated, not related: compare it.

        Args:
            model: a path, a URI, or what ``resolve`` gave.
            limit: how many at most.

        Raises:
            MalformedError: the files are not safe to read, or cannot be sketched.
            MissingExtraError: what searches is not installed.
        """
        resolved = self.resolve(model) if isinstance(model, str) else model
        return find_similar(self.resources, resolved, limit=limit)

    def compare(  # noqa: PLR0913 - keywords, each with its default
        self,
        first: str,
        second: str,
        *,
        parents: Sequence[str] = (),
        deep: bool = False,
        quick: bool = False,
        progress: Progress | None = None,
    ) -> Comparison:
        """Say whether the second model has anything of the first; nothing is recorded.

        Args:
            first: a path or a URI.
            second: a path or a URI.
            parents: other models that the second may be merged from.
            deep: try other bases and other orders of units, however large the models are.
            quick: give the verdict alone, and leave out what was likely done.
            progress: told the bytes done and the bytes in all.

        Raises:
            MalformedError: a model's files are damaged, or change while they are read.
            MissingExtraError: a library is missing that was asked for, or that a tensor's type needs.
        """
        one, other, *rest = [(name, self.resolve(name)) for name in (first, second, *parents)]
        find = self.find if self.configuration.home.exists() else None
        return compare_models(
            self.plugins, one, other, parents=rest, deep=deep, quick=quick, progress=progress, find=find
        )

    def check(  # noqa: PLR0913 - keywords, each with its default
        self,
        reference: str,
        action: Action,
        *,
        party: str = "",
        at: str | None = None,
        purpose: str = "",
        seat: str = "",
        amount: Mapping[str, int] | None = None,
        commercial: bool | None = None,
    ) -> Decision:
        """Ask whether a party may do something with a registered model.

        Args:
            reference: a URI, a digest, a name, or a path.
            action: what is to be done.
            party: who wants to; empty for our own party.
            at: when, RFC 3339, UTC; None for now.
            purpose: what it is for, as grants and use restrictions name it; empty when nobody said.
            seat: the person or the machine that acts; empty when none is named.
            amount: units that the action takes, by entitlement name; one of each that is not named.
            commercial: whether they act commercially; None for what the settings say of us, yes of others.

        Returns:
            The decision; undecided when nothing registered fits the reference.

        Raises:
            MalformedError: the time is none, or the files cannot be read safely.
            ValueError: an amount is negative.
        """
        moment = self.clock() if at is None else parse_time(at, what="the time asked about")
        model = self._seek(reference)
        works = () if model is None else works_of(self.resources.index, model)
        return ask_licence(
            self.resources,
            works,
            action,
            moment,
            party=party,
            purpose=purpose,
            seat=seat,
            amount=amount,
            commercial=commercial,
        )

    def open_model(  # noqa: PLR0913 - keywords, each with its default
        self,
        uri: str,
        *,
        tier: Tier | str,
        party: str = "",
        purpose: str = "",
        expect: str = "",
        progress: Progress | None = None,
    ) -> Loader:
        """Open a model as a tier: its loader gives what licence and grants allow, and no more than the tier.

        Args:
            uri: a path or a platform's URI; a name or a digest, when no files are needed.
            tier: the least that is enough, such as ``inference``.
            party: who opens it; empty for our own party.
            purpose: what it is for, as grants and use restrictions name it; empty when nobody said.
            expect: what it should be (a URI, a digest, a name); empty for what was registered from there.
            progress: told the bytes done and the bytes in all, when files are copied or verified.

        Returns:
            The loader, to be closed; it asks for a decision at each access.

        Raises:
            ValueError: there is no such tier.
            NotEntitledError: nothing registered fits.
            VerificationError: the registration does not hold.
            MalformedError: the files cannot be read safely.
        """
        resolved = self.resolve(uri) if is_path(uri) else None
        known = self._road.lookup(expect or (uri if resolved is None else resolved.uri))
        model = known or self.find(expect or uri)
        return Loader(
            self.resources,
            self.clock,
            model,
            uri=uri,
            tier=Tier(tier),
            party=party,
            purpose=purpose,
            resolved=resolved,
            progress=progress,
        )

    def permit(  # noqa: PLR0913 - keywords, each with its default
        self,
        reference: str,
        action: Action | str,
        *,
        party: str = "",
        purpose: str = "",
        recheck: float = RECHECK,
        patience: float = PATIENCE,
        fail_mode: FailMode | str = FailMode.CLOSED,
    ) -> Permit:
        """Give a permit to do something with a registered model, which is asked for anew while it is used.

        It is for the model that the reference stands for now, wherever an alias points later.

        Args:
            reference: a URI, a digest, a name, or a path.
            action: what is done.
            party: who does it; empty for our own party.
            purpose: what it is for, as grants and use restrictions name it; empty when nobody said.
            recheck: seconds after which a revocation is noticed at the latest, 1 to 86400.
            patience: for how many seconds beyond that the last answer still holds when the ledger is out of
                reach, never beyond its own end.
            fail_mode: what happens after that: ``closed`` refuses, ``open-and-log`` lets pass and says so.

        Raises:
            ValueError: a number is out of bounds, or there is no such action or fail mode.
            NotEntitledError: nothing registered fits.
            MalformedError: the files at the path cannot be read safely.
        """
        model, wanted = self.find(reference), Action(action)
        question = AccessQuestion(bundle=model.bundle, party=party, purpose=purpose)
        return Permit(
            lambda: question.ask(self.resources, self.clock, wanted),
            what=f"{wanted.value} {model.name} as {party or self.configuration.party.name}",
            clock=self.clock,
            recheck=recheck,
            patience=patience,
            fail_mode=FailMode(fail_mode),
        )

    def verify(
        self, uri: str, *, expect: str = "", policy: Policy | None = None, progress: Progress | None = None
    ) -> Verification:
        """Check a model against its registration in our ledger.

        Args:
            uri: a path or a platform's URI.
            expect: what it should be (a URI, a digest, a name); empty for what was registered from there.
            policy: how many must have signed, and who; None for what the trust root asks for.
            progress: told the bytes done and the bytes in all.

        Returns:
            The evidence.

        Raises:
            VerificationError: it does not hold; ``failures`` says what.
            MalformedError: the model, the ledger or the bundle is damaged.
        """
        resolved = self.resolve(uri)
        model = self._road.lookup(expect or resolved.uri)
        found = read_again(self.resources, resolved, model, progress)
        if model is None and not expect:
            model = self._road.lookup(found.bundle)
        if model is None:
            raise VerificationError(
                f"{expect or uri} is not registered in the ledger {self.resources.ledger.origin}",
                hint="Name what it should be with --expect NAME, or give its bundle with --bundle FILE.",
            )
        expected = Expectation(
            bundle=bundle_of(self.resources, model),
            manifest=manifest_of(self.resources, model),
            trust=self.resources.trust,
            policy=policy,
        )
        return verify_fingerprint(uri, found, expected, self.clock())

    def close(self) -> None:
        """Let go of files and connections; closing twice does nothing."""
        self.resources.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
