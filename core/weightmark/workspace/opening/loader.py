"""Opening a model as a tier: of what licence and grants allow, no more than was asked for.

Each access asks the decision anew. What is given was verified: the card by its file's root, the network by
the registered digest of both its parts, a tensor by the root over the very bytes of its array, files and runs
by a private copy that was fingerprinted after it was made.

Not promised: that a copy which was handed out comes back. Whoever runs as the user who opened it, or as root,
can read what this process reads, whatever the tier.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.attribution import BUNDLE, MANIFEST, credit_line, format_receipt
from weightmark.claims import verify_registration
from weightmark.errors import DigestMismatchError, MalformedError
from weightmark.fingerprinting import architecture_digest, read_config
from weightmark.index import RegisteredModel
from weightmark.licensing import Action, Capability, Decision, Tier
from weightmark.model import ModelManifest
from weightmark.ports import SINGLE, Arrays, ResolvedModel
from weightmark.workspace.lineage import works_of
from weightmark.workspace.opening.card import read_card
from weightmark.workspace.opening.child import TIMEOUT, ModelProcess, choose_runner
from weightmark.workspace.opening.handing import hand_over, word_handover
from weightmark.workspace.opening.opened import (
    Architecture,
    ModelMetadata,
    TensorShape,
    VerifiedTensors,
)
from weightmark.workspace.opening.private import PrivateCopy
from weightmark.workspace.opening.telling import AccessTeller
from weightmark.workspace.permitting.current import AccessQuestion
from weightmark.workspace.reading import Progress, find_tensors, is_path, resolve
from weightmark.workspace.realm import out_of_realm
from weightmark.workspace.recording import bundle_of, manifest_of
from weightmark.workspace.rereading import algorithm_of, read_again
from weightmark.workspace.resource import Clock, Resources
from weightmark.workspace.verification import Expectation, Verification, verify_fingerprint

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np

SERVED = (
    Capability.VIEW_METADATA,
    Capability.VIEW_ARCHITECTURE,
    Capability.INFER,
    Capability.DOWNLOAD_WEIGHTS,
)
"""The capabilities that a loader has something for."""


class Loader:
    """A model, opened as a tier for one party. Safe to use from many threads; runs take turns.

    Args:
        resources: ledger, index, store, trust root and plugins.
        clock: gives the present time, UTC.
        model: the model as it is registered.
        uri: where its files are.
        tier: no more than this is given, whatever licence and grants allow.
        party: who opens it; empty for our own party.
        purpose: what it is for, as grants and use restrictions name it.
        resolved: the files, when they are at hand.
        progress: told the bytes done and the bytes in all, when files are copied or verified.

    Raises:
        VerificationError: the registration's signature, key or proof does not hold.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        resources: Resources,
        clock: Clock,
        model: RegisteredModel,
        *,
        uri: str,
        tier: Tier,
        party: str = "",
        purpose: str = "",
        resolved: ResolvedModel | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.model = model
        self.uri = uri
        self.tier = tier
        self.party = party or resources.configuration.party.name
        self._resources = resources
        self._clock = clock
        self._progress = progress
        self._resolved = resolved
        self._question = AccessQuestion(bundle=model.bundle, party=party, purpose=purpose)
        self._bundle = bundle_of(resources, model)
        _, self._registration = verify_registration(self._bundle, resources.trust, None, clock())
        self._teller = AccessTeller(resources, model, uri=uri, tier=tier, party=self.party)
        self._copy: PrivateCopy | None = None
        self._process: ModelProcess | None = None
        self._then: list[Callable[[], None]] = []
        self._lock = threading.RLock()

    def ask(self, capability: Capability | str) -> Decision:
        """Ask whether licence and grants allow one thing now, whatever the tier; nobody is told.

        Raises:
            WeightmarkError: the ledger is out of reach.
        """
        return self._question.ask(self._resources, self._clock, Action(Capability(capability).value))

    def require(self, capability: Capability | str) -> Decision:
        """Ask whether one thing is allowed now and within the tier; observers are told of what is new.

        Returns:
            The decision, which is a permission.

        Raises:
            NotEntitledError: the tier does not hold it, or licence and grants do not allow it.
            LicensingError: as ``Decision.require``.
        """
        capability = Capability(capability)
        if capability not in self.tier.capabilities:
            self._teller.refuse(capability)
        decision = self.ask(capability)
        self._teller.tell(capability, decision)
        decision.require()
        return decision

    def metadata(self) -> ModelMetadata:
        """Give name, owner, licence, credits and card; it takes ``view-metadata``.

        The card is given of files that are at hand: none is fetched from a platform for it.

        Raises:
            LicensingError: it is not allowed.
            DigestMismatchError: the card is not as it was registered.
        """
        self.require(Capability.VIEW_METADATA)
        resources, model = self._resources, self.model
        return ModelMetadata(
            name=model.name,
            owner=model.owner,
            presumed=model.presumed,
            license=model.license,
            bundle=model.bundle,
            weights=model.weights,
            registered_at=model.registered_at,
            receipt=format_receipt(resources.ledger.origin, model.entry),
            credits=credit_line(works_of(resources.index, model)),
            card=self._card(),
        )

    def architecture(self) -> Architecture:
        """Give configuration and tensors' names, types and shapes; it takes ``view-architecture``.

        Headers and ``config.json`` are read, no numbers.

        Raises:
            LicensingError: it is not allowed.
            DigestMismatchError: it is not the registered network.
            MalformedError: the files cannot be read safely.
        """
        self.require(Capability.VIEW_ARCHITECTURE)
        artifact = self._files().open()
        algorithm = algorithm_of(self.model) or self._resources.configuration.algorithm
        try:
            configuration = read_config(artifact)
            spans = find_tensors(artifact, self._resources.plugins)
        except MalformedError:
            self._verify(self._files())  # names what was changed, if anything was
            raise
        digest = architecture_digest(configuration, spans, algorithm)
        if digest != self._registration.architecture:
            self._verify(self._files())
            raise DigestMismatchError(
                f"{self.uri} has the architecture {digest}, not {self._registration.architecture}"
            )
        shapes = (TensorShape(name=span.name, dtype=span.dtype, shape=span.shape) for span in spans)
        return Architecture(
            configuration=configuration,
            tensors=tuple(sorted(shapes, key=lambda shape: shape.name)),
            digest=digest,
        )

    def tensors(self) -> VerifiedTensors:
        """Give the tensors by name, each read when it is asked for; it takes ``download-weights`` each time.

        Raises:
            LicensingError: it is not allowed.
            DigestMismatchError: the model is not as it was registered.
            MalformedError: the files cannot be read safely.
        """
        self.require(Capability.DOWNLOAD_WEIGHTS)
        artifact = self._files().open()
        manifest = self._manifest() or self._verify(self._files()).fingerprint.manifest
        try:
            spans = {span.name: span for span in find_tensors(artifact, self._resources.plugins)}
        except MalformedError:
            self._verify(self._files())
            raise
        return VerifiedTensors(artifact, spans, manifest, lambda: self.require(Capability.DOWNLOAD_WEIGHTS))

    def weights(self) -> Path:
        """Give the folder, or the file, of a verified copy, which ``close`` deletes.

        It takes ``download-weights``.

        Raises:
            LicensingError: it is not allowed.
            DigestMismatchError: the model is not as it was registered.
            MalformedError: the files cannot be read safely.
            WeightmarkError: they cannot be written.
        """
        self.require(Capability.DOWNLOAD_WEIGHTS)
        return self._private().path

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Write the files to a new folder, with what goes with them; it takes ``download-weights``.

        In it are ``model``, the signed registration and its manifest, by which anybody can verify the files
        offline, ``ATTRIBUTION.txt`` and ``LICENSE.txt``. It is there whole or not at all.

        Args:
            folder: empty, or not there yet.

        Returns:
            What was written, without the files of the model.

        Raises:
            LicensingError: it is not allowed.
            DigestMismatchError: the model is not as it was registered.
            MalformedError: the files cannot be read safely.
            WeightmarkError: they cannot be written.
        """
        decision = self.require(Capability.DOWNLOAD_WEIGHTS)
        works = works_of(self._resources.index, self.model)
        beside = {
            "ATTRIBUTION.txt": f"{credit_line(works)}\n".encode(),
            "LICENSE.txt": word_handover(self.model, self.party, decision).encode(),
            BUNDLE: self._bundle.encode(),
        }
        manifest = self._manifest()
        if manifest is not None:
            beside[MANIFEST] = manifest.encode()
        return hand_over(self._private().resolved, folder, beside)

    def infer(
        self, inputs: "Arrays | np.ndarray", *, trust_code: bool = False, timeout: float = TIMEOUT
    ) -> "dict[str, np.ndarray]":
        """Run the model once in a process of its own, which keeps its weights; it takes ``infer``.

        Args:
            inputs: arrays by name; or one array, for a model with one input.
            trust_code: whether code that comes with the model may be executed, which some models consist of.
            timeout: seconds; with loading when it is the first run.

        Returns:
            The outputs by name.

        Raises:
            LicensingError: it is not allowed.
            InferenceError: nothing installed runs it, it failed, crashed or took too long.
            DigestMismatchError: the model is not as it was registered.
            MalformedError: the files cannot be read safely, or the outputs are none.
        """
        import numpy as np

        self.require(Capability.INFER)
        named: Arrays = {SINGLE: inputs} if isinstance(inputs, np.ndarray) else inputs
        with self._lock:
            if self._process is None or not self._process.alive:
                runners = self._resources.plugins.runners
                runner = choose_runner(runners, self._files(), trust_code=trust_code)
                self._process = ModelProcess(runner, self._private().path)
            return self._process.run(named, timeout)

    def at_close(self, then: Callable[[], None]) -> None:
        """Let something be done after everything else, when the loader is closed."""
        self._then.append(then)

    def close(self) -> None:
        """End the model's process and delete the copy; closing twice does nothing."""
        with self._lock:
            if self._process is not None:
                self._process.close()
            if self._copy is not None:
                self._copy.close()
                self._copy = None
            while self._then:
                self._then.pop()()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        """Close."""
        self.close()

    def _files(self) -> ResolvedModel:
        with self._lock:
            if self._resolved is None:
                settings = self._resources.configuration
                place = out_of_realm(self.uri, settings.realm)
                self._resolved = resolve(place, self._resources.plugins, settings.file)
            return self._resolved

    def _private(self) -> PrivateCopy:
        """Give the copy, verified: whoever had it before may have written to it."""
        with self._lock:
            if self._copy is not None:
                self._verify(self._copy.resolved)
            else:
                copy = PrivateCopy(self._files(), self._progress)
                try:
                    self._verify(copy.resolved)
                except BaseException:
                    copy.close()
                    raise
                self._copy = copy
            return self._copy

    def _manifest(self) -> ModelManifest | None:
        manifest = manifest_of(self._resources, self.model)
        if manifest is not None and manifest.digest != self._registration.manifest:
            raise DigestMismatchError(
                f"the manifest in the store is not that of {self.model.name}",
                hint="`weightmark doctor` looks for what is wrong with the store.",
            )
        return manifest

    def _verify(self, resolved: ResolvedModel) -> Verification:
        """Read files as a whole and hold them against the registration.

        Raises:
            DigestMismatchError: they are not those that were registered; ``failures`` names them.
        """
        found = read_again(self._resources, resolved, self.model, self._progress)
        expected = Expectation(bundle=self._bundle, manifest=self._manifest(), trust=self._resources.trust)
        return verify_fingerprint(self.uri, found, expected, self._clock())

    def _card(self) -> str:
        if self._resolved is None and not is_path(self.uri):
            return ""
        return read_card(self._files, self._manifest(), self.uri)
