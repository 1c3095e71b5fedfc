"""The road itself: an event goes in, an outcome comes out, the same way for every platform."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from weightmark.claims import Claim, Subject, VersionClaim
from weightmark.encoding import Algorithm, Digest
from weightmark.errors import DigestMismatchError, Failure, LicensingError
from weightmark.fingerprinting import DigestCache, Fingerprint
from weightmark.index import RegisteredModel
from weightmark.licensing import Action
from weightmark.log import Receipt
from weightmark.model import Parent, Relation, read_relation
from weightmark.model.card import split_names
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace.deciding import READING, ask_licence, grants_for, pass_gate
from weightmark.workspace.lineage import works_of
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.reading import Progress, is_path, names_files, pin, read_fingerprint, resolve
from weightmark.workspace.realm import into_realm, out_of_realm
from weightmark.workspace.recording import (
    data_of,
    derivation_claims,
    find_parents,
    manifest_of,
    record,
    registration_claims,
    require_stated_owner,
)
from weightmark.workspace.registering import Job, Registrar, Said
from weightmark.workspace.rereading import read_again
from weightmark.workspace.resource import Clock, Resources
from weightmark.workspace.sketching import Sketched, sketch_model
from weightmark.workspace.verification import differences
from weightmark.workspace.versioning import check_version

RECORDING = (EventKind.LOG, EventKind.REGISTER)
"""Events that record facts; all others put a model to use."""


_log = logging.getLogger(__name__)


class Road:
    """Takes events from the platform's words to a verdict.

    Args:
        resources: what it works with.
        clock: gives the present time, UTC.
    """

    def __init__(self, resources: Resources, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock
        self._party = resources.configuration.party.name
        self._registrar = Registrar(resources, clock)

    def take(
        self,
        event: ModelEvent,
        resolved: ResolvedModel | None,
        progress: Progress | None,
        *,
        relink: bool = True,
        cache: DigestCache | None = None,
    ) -> Outcome:
        """Resolve, fingerprint, decide, and record what is to be recorded.

        Args:
            event: what happens.
            resolved: the files, when the caller has them already.
            progress: told the bytes done and the bytes in all.
            relink: whether a URI that stands for other files by now may be recorded anew.
            cache: digests of files that have not changed since; None to read everything.

        Raises:
            DigestMismatchError: the URI stands for other files, and may not be recorded anew.
            WeightmarkError: it could not be decided; the caller must refuse.
        """
        if event.kind in RECORDING:
            resolved = resolved or self.resolve(event.source or event.uri)
            found = self.fingerprint(resolved, progress=progress, cache=cache)
            return self._register(event, resolved, found, relink=relink)
        return self.use(event, resolved, progress)

    def requires(self, kind: EventKind) -> bool:
        """Say whether the gate of a kind of event asks for anything."""
        return bool(self._resources.configuration.gates[kind].requires)

    def is_repeated(self, known: Outcome, within: timedelta) -> bool:
        """Say whether an event is the delivery of a moment ago once more, so that nothing need be read."""
        gate = self._resources.configuration.gates[known.event.kind]
        if known.model is None or gate.requires & READING:
            return False
        return timedelta(0) <= self._clock() - known.model.registered_at <= within

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a path or a URI into files on this machine; see ``reading.resolve``."""
        settings = self._resources.configuration
        return resolve(out_of_realm(uri, settings.realm), self._resources.plugins, settings.file)

    def fingerprint(
        self,
        resolved: ResolvedModel,
        *,
        algorithm: Algorithm | None = None,
        progress: Progress | None = None,
        threads: int | None = None,
        cache: DigestCache | None = None,
    ) -> Fingerprint:
        """Fingerprint files by the settings' algorithm or the one named; see ``read_fingerprint``."""
        return read_fingerprint(
            resolved,
            self._resources.plugins,
            algorithm=algorithm or self._resources.configuration.algorithm,
            threads=threads,
            progress=progress,
            cache=cache,
        )

    def lookup(self, reference: str) -> RegisteredModel | None:
        """Find a registered model in the index, brought up to the ledger's newest entry."""
        self._resources.catch_up()
        return self._resources.index.find(reference)

    def link(self, outcome: Outcome, uri: str, version: str) -> Receipt | None:
        """Record which version of a platform a model became, if that is not recorded yet.

        Raises:
            LicensingError: the URI is linked to other files, by others.
            LedgerError: recording failed.
        """
        model = outcome.model
        if model is None:
            return None
        with self._resources.alone():
            self._resources.catch_up()
            name = outcome.event.name or model.name
            claims = self._link_claims(model.bundle, name, version, uri)
            if not claims:
                return None
            check_version(self._resources, name, version, model, uri)
            subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
            return record(self._resources, subject, claims, self._clock())[0].receipt

    def linked(self, uri: str) -> RegisteredModel | None:
        """Give the model that a version's URI stands for; None when the URI is not linked to any."""
        self._resources.catch_up()
        return self._resources.index.at(uri)

    def judge(self, event: ModelEvent, model: RegisteredModel | None, found: Fingerprint | None) -> Outcome:
        """Say whether an event passes its gate, from what was found of the model; nothing is recorded."""
        return self._outcome(event, model, found, None)

    def recall(self, event: ModelEvent, model: RegisteredModel) -> Outcome:
        """Say again what came of an event, from what is recorded; no file is read."""
        return self.judge(event, model, None)

    def _register(
        self, event: ModelEvent, resolved: ResolvedModel, found: Fingerprint, *, relink: bool
    ) -> Outcome:
        stated = self._state(event, resolved)
        read = _Read(
            fingerprint=found,
            others=self._under_others(resolved, found),
            sketched=self._sketch(resolved, found),
        )
        job = Job(
            bundle=found.bundle,
            uri=event.uri,
            plan=lambda: self._plan(event, resolved, read, stated, relink=relink),
        )
        # Two who register the same model at once: one records it, the other finds it recorded.
        self._registrar.register(job)
        for note in job.notes:
            _log.warning("%s: %s", event.uri, note)
        return replace(self._outcome(event, job.model, found, job.receipt), notes=tuple(job.notes))

    def _plan(
        self, event: ModelEvent, resolved: ResolvedModel, read: "_Read", stated: ModelEvent, *, relink: bool
    ) -> Said:
        """Say what is to be recorded, from what is recorded now.

        Raises:
            DigestMismatchError: the URI stands for other files, and may not be recorded anew.
            LicensingError: it is somebody else's, or its URI is.
        """
        found = read.fingerprint
        standing = None if relink else self._resources.index.at(event.uri)
        if standing is not None and standing.bundle != found.bundle:
            raise DigestMismatchError(
                f"{event.uri} was registered as other files than these",
                hint="Put the registered files back, or register these as a new version.",
            )
        model = self._resources.index.find(found.bundle)
        require_stated_owner(self._party, event.uri, model, stated.owner)
        own = {found.bundle, into_realm(event.uri, self._resources.configuration.realm)}
        stated_parents = find_parents(self._resources, stated.base_models, read_relation(stated.relation))
        parents = [parent for parent in stated_parents if (parent.subject or parent.uri) not in own]
        notes = [
            f"{parent.uri or parent.subject} is left out of the base models: it is this model itself."
            for parent in stated_parents
            if parent not in parents
        ]
        if model is None:
            parents += self._twins(resolved, found, read.others)
        claims = self._new_claims(read, model, stated, [*parents, *data_of(resolved)])
        kept: list[bytes] = []
        name = event.name or resolved.name or resolved.path.name
        if claims:
            kept = [found.manifest.encode(), *([] if read.sketched is None else read.sketched.encode())]
        elif model is not None:
            name = model.name
        if event.version:
            link = self._link_claims(found.bundle, event.name or name, event.version, event.uri)
            if link:
                place = str(resolved.path)
                check_version(self._resources, event.name or name, event.version, found, place)
            claims += link
        subject = Subject(name=name, bundle=found.bundle, weights=found.weights)
        return Said(subject=subject, claims=claims, kept=kept, notes=notes)

    def _link_claims(self, bundle: Digest, name: str, version: str, uri: str) -> list[Claim]:
        """Say which version of a platform a model is, unless that is recorded.

        Raises:
            LicensingError: the URI is linked to other files, by others.
        """
        known = self._resources.index.version(uri)
        if known is not None and (known.bundle, known.model, known.version) == (bundle, name, version):
            return []
        if known is not None and known.holders and self._party not in known.holders:
            raise LicensingError(
                f"{uri} is linked already, and only {' or '.join(sorted(known.holders))} may link it to"
                " other files",
                hint="Let one of them register it, or register it under another name or version.",
            )
        exact = into_realm(uri, self._resources.configuration.realm)
        return [VersionClaim(model=name, version=version, uri=exact, issued_at=self._clock())]

    def _state(self, event: ModelEvent, resolved: ResolvedModel) -> ModelEvent:
        """Fill in what the event leaves open from what the model's folder and the platform say."""
        facts = resolved.facts
        realm = self._resources.configuration.realm
        references = event.base_models or split_names(facts.get(Fact.BASE_MODEL, ""))
        return replace(
            event,
            license=event.license or facts.get(Fact.LICENSE),
            owner=event.owner or facts.get(Fact.OWNER),
            relation=event.relation or facts.get(Fact.BASE_MODEL_RELATION, ""),
            base_models=tuple(
                pin(out_of_realm(reference, realm), self._resources.plugins) for reference in references
            ),
        )

    def _new_claims(
        self,
        read: "_Read",
        model: RegisteredModel | None,
        stated: ModelEvent,
        parents: list[Parent],
    ) -> list[Claim]:
        party = self._party
        if model is None or (model.presumed and stated.owner == party):
            return registration_claims(
                read.fingerprint,
                owner=party,
                presumed=stated.owner is None,
                license_=stated.license or (None if model is None else model.license),
                parents=parents,
                at=self._clock(),
                likeness=() if read.sketched is None else read.sketched.likeness,
            )
        if model.owner != party:
            return []
        rows = self._resources.index.parents(model.bundle)
        known = {(parent.bundle, parent.uri, parent.relation) for parent in rows}
        new = [
            parent for parent in parents if (parent.subject, parent.uri, parent.relation.value) not in known
        ]
        return derivation_claims(new, self._clock())

    def _sketch(self, resolved: ResolvedModel, found: Fingerprint) -> Sketched | None:
        """Sketch a model that nobody registered as theirs, before others wait."""
        known = self._resources.index.find(found.bundle)
        return sketch_model(self._resources, resolved) if known is None or known.presumed else None

    def _under_others(self, resolved: ResolvedModel, found: Fingerprint) -> dict[Algorithm, Fingerprint]:
        """Fingerprint a model nobody registered by the other hash functions in use, before others wait."""
        algorithms = self._resources.index.algorithms(besides=found.algorithm)
        if not algorithms or self._resources.index.find(found.bundle) is not None:
            return {}
        return {algorithm: self.fingerprint(resolved, algorithm=algorithm) for algorithm in algorithms}

    def _twins(
        self, resolved: ResolvedModel, found: Fingerprint, others: Mapping[Algorithm, Fingerprint]
    ) -> list[Parent]:
        """Find the same model under another hash function, which hides that the numbers are the same."""
        index = self._resources.index
        twins: dict[Digest, Parent] = {}
        for algorithm in index.algorithms(besides=found.algorithm):
            other = others.get(algorithm) or self.fingerprint(resolved, algorithm=algorithm)
            for digest in filter(None, (other.bundle, other.weights)):
                model = index.find(digest)
                if model is not None and model.owner != self._party:
                    twins[model.bundle] = Parent(subject=model.bundle, relation=Relation.SAME_WEIGHTS)
        return list(twins.values())

    def use(
        self,
        event: ModelEvent,
        resolved: ResolvedModel | None,
        progress: Progress | None,
        registered: Outcome | None = None,
    ) -> Outcome:
        """Judge the use of a model.

        Args:
            event: the use.
            resolved: the files, when the caller has them already.
            progress: told the bytes done and the bytes in all.
            registered: what came of registering these files just now, so that they need not be read again.

        Raises:
            WeightmarkError: it could not be decided; the caller must refuse.
        """
        if registered is not None and registered.fingerprint is not None:
            judged = self.judge(event, registered.model, registered.fingerprint)
            return replace(judged, receipt=registered.receipt)
        model = self.lookup(event.uri)
        requires = self._resources.configuration.gates[event.kind].requires
        reference = event.source or event.uri
        # What lies at a path may have changed since it was registered, so its files say what it is.
        local = is_path(reference) or reference.startswith("file:")
        unknown = model is None and names_files(reference)
        if resolved is None and (requires & READING or (requires and (local or unknown))):
            resolved = self.resolve(reference)
        found = None
        if resolved is not None:
            if model is None and not (local or event.source):
                model = self.linked(resolved.uri)  # the URI was an alias of one that stands for a model
            found = read_again(self._resources, resolved, model, progress)
            anew = local and not requires & READING
            if model is None or (anew and found.bundle != model.bundle):
                model = self.lookup(found.bundle)
        return self._outcome(event, model, found, None)

    def _outcome(
        self,
        event: ModelEvent,
        model: RegisteredModel | None,
        found: Fingerprint | None,
        receipt: Receipt | None,
    ) -> Outcome:
        resources, at, kind = self._resources, self._clock(), event.kind
        with resources.index.still():
            works = () if model is None else works_of(resources.index, model)
            grants = grants_for(resources, works)
        licence = ask_licence(resources, works, Action(kind.value), at, grants=grants)
        preview = None
        if kind in RECORDING:
            preview = ask_licence(resources, works, Action.DEPLOY, at, grants=grants)
        failures: tuple[Failure, ...] = ()
        if model is not None and found is not None and found.bundle != model.bundle:
            failures = differences(manifest_of(resources, model), found) or (Failure(reason="changed"),)
        decision = pass_gate(resources.configuration.gates[kind], event, model, licence, failures)
        return Outcome(
            event=event,
            decision=decision,
            preview=preview or decision,
            model=model,
            works=works,
            fingerprint=found,
            receipt=receipt,
            origin=resources.ledger.origin,
            link=resources.configuration.link,
            policy=resources.policing.digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read from the files to be registered."""

    fingerprint: Fingerprint
    others: Mapping[Algorithm, Fingerprint]
    sketched: Sketched | None
