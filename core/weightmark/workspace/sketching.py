"""Sketching a model as it is registered, and looking for registered models like another.

Not promised: evidence. What is found is to be compared.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final

from weightmark.claims import Likeness
from weightmark.encoding import Digest, digest_bytes
from weightmark.errors import MalformedError
from weightmark.index import RegisteredModel
from weightmark.ports import ResolvedModel
from weightmark.similarity import Agreement, Sketch, agree, make_sketch
from weightmark.workspace.file import read_bounded, write_whole
from weightmark.workspace.reading import open_tensors
from weightmark.workspace.resource import Resources

NOMINATED: Final = 0.66
"""The part of equal bits from which a model is nominated: five standard deviations beyond chance."""

_LEAST_RESCORED: Final = 50
_SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketched:
    """The sketches of one model.

    Attributes:
        public: with the seed that everybody uses.
        secret: with our own seed.
    """

    public: Sketch
    secret: Sketch

    @property
    def likeness(self) -> tuple[Likeness, ...]:
        """Say it as a registration says it."""
        return tuple(
            Likeness(code=sketch.code.hex(), seed=sketch.seed, sketch=digest_bytes(sketch.encode()))
            for sketch in (self.public, self.secret)
        )

    def encode(self) -> list[bytes]:
        """Give what the store is to keep.

        Raises:
            Nothing.
        """
        return [self.public.encode(), self.secret.encode()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A registered model that may have something to do with another.

    Attributes:
        model: the registered model.
        public: how alike the sketches with the public seed are; whoever knows that seed can forge it.
        secret: the same with our own seed, which nobody could prepare for; None when the model was registered
            by others, or before there was one.
    """

    model: RegisteredModel
    public: Agreement
    secret: Agreement | None = field(default=None)

    @property
    def confirmed(self) -> bool | None:
        """Whether the sketches with our own seed say the same; None when there are none."""
        return None if self.secret is None else is_alike(self.secret)


def is_alike(agreement: Agreement) -> bool:
    """Say whether two sketches agree beyond chance, as a whole or in a tensor.

    Raises:
        Nothing.
    """
    return agreement.bits >= NOMINATED or agreement.alike > 0


def sketch_model(resources: Resources, resolved: ResolvedModel) -> Sketched | None:
    """Sketch a model with the public and with our own seed.

    Args:
        resources: whose seed.
        resolved: the model's files; a sample of each large tensor is read.

    Returns:
        The sketches; None when it has no large tensors, or NumPy is not there.

    Raises:
        MalformedError: the files are not safe to read, or are damaged.
    """
    if find_spec("numpy") is None:
        return None
    tensors = open_tensors(resolved, resources.plugins)
    public = make_sketch(tensors)
    if public is None:
        return None
    secret = make_sketch(tensors, seed=_seed(resources))
    return None if secret is None else Sketched(public=public, secret=secret)


def find_similar(
    resources: Resources,
    resolved: ResolvedModel,
    *,
    limit: int = 10,
) -> list[Candidate]:
    """Find the registered models that are most like a model.

    Args:
        resources: where models are registered.
        resolved: the model's files.
        limit: how many at most.

    Returns:
        The candidates, the most alike first; none where nothing is alike.

    Raises:
        MalformedError: the files are not safe to read, or it has no tensors that can be sketched.
        MissingExtraError: what searches is not installed.
    """
    resources.catch_up()
    sketched = sketch_model(resources, resolved)
    if sketched is None:
        raise MalformedError(
            f"{resolved.uri} has no tensor of two dimensions that is large enough to be sketched",
            hint="Compare it with a model that you name: `weightmark compare A B`.",
        )
    near = _near(resources, sketched.public, limit)
    bundles = near.keys() | _near(resources, sketched.secret, limit).keys()
    found = [_rescore(resources, bundle, sketched, near.get(bundle)) for bundle in bundles]
    alike = [each for each in found if each is not None and _is_candidate(each)]
    alike.sort(
        key=lambda each: (-max(each.public.bits, each.secret.bits if each.secret else 0), each.model.entry)
    )
    return alike[:limit]


def _near(resources: Resources, sketch: Sketch, limit: int) -> dict[Digest, float]:
    """Give the models whose codes with the same seed are nearest, with the part of equal bits."""
    from weightmark.similarity.nearest import Nearest

    codes = Nearest(*resources.index.codes(sketch.seed))
    return dict(codes.search(sketch.code, max(_LEAST_RESCORED, 5 * limit)))


def _is_candidate(candidate: Candidate) -> bool:
    """Say whether either sketch speaks for it: the public one may have been tampered with, to hide."""
    return is_alike(candidate.public) or bool(candidate.confirmed)


def _rescore(
    resources: Resources, bundle: Digest, sketched: Sketched, bits: float | None
) -> Candidate | None:
    """Compare the sketches themselves; where the store has no public one, what the codes say stands."""
    model, known = resources.index.find(bundle), resources.index.sketches(bundle)
    if model is None:
        return None
    public = _agreement(resources, sketched.public, known)
    if public is None and bits is not None:
        public = Agreement(bits=bits, tensors=0, alike=0)
    # A registration is public: anybody can repeat in theirs what ours says of our own sketch.
    own = _is_own(resources, model)
    secret = _agreement(resources, sketched.secret, known) if own else None
    return None if public is None else Candidate(model=model, public=public, secret=secret)


def _is_own(resources: Resources, model: RegisteredModel) -> bool:
    """Say whether our party signed the registration, whoever owns the model now."""
    party = resources.configuration.party.name
    entries = resources.index.history(model.bundle)
    return any(entry.index == model.entry and party in entry.signers for entry in entries)


def _agreement(resources: Resources, sketch: Sketch, known: Mapping[Digest, Digest]) -> Agreement | None:
    """Compare with the stored sketch of the same seed; None when there is none, or something else there."""
    digest = known.get(sketch.seed)
    data = None if digest is None else resources.store.get(digest)
    if data is None:
        return None
    try:
        stored = Sketch.decode(data)
    except MalformedError:
        return None
    return agree(sketch, stored) if stored.seed == sketch.seed else None


def _seed(resources: Resources) -> str:
    """Give our own seed; made on first use, readable by its owner only."""
    path = resources.configuration.home / "keys" / "sketch.seed"
    if not path.exists():
        write_whole(path, secrets.token_hex(_SEED_BYTES).encode(), over=False)
    seed = read_bounded(path, 4 * _SEED_BYTES).decode("ascii", "replace").strip()
    if len(seed) != 2 * _SEED_BYTES:
        raise MalformedError(f"{path} is not the seed of our sketches", hint="Remove it; a new one is made.")
    return seed
