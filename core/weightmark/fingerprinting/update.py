"""The proof that one model's tensors are another's but for these changes, and nothing else of either.

A ``tensors`` digest is the root of a tree whose leaves stand in the order of their names. The proof walks
both trees at once: what both have is there as subtrees that are subtrees of both, what is changed, added or
removed stands between them by name. Read with the old leaves the steps lead to the old root, with the new
ones to the new root. Since hashes do not collide, both roots then stand for exactly these leaves.

As long as tensors only change, no subtree is smaller than it must be: about log2(n) hashes for each change.
A tensor that is added or removed moves all that follow, so that fewer subtrees are common to both trees: up
to one hash for each tensor that follows.

Not promised: that the ``weights`` digest follows. Its leaves are sorted by hash, so that a change moves them
about, and nearly every leaf would have to be shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from weightmark.encoding import Algorithm, Digest, Json, Record, decode, encode, format_digest, parse_digest
from weightmark.errors import InclusionError, MalformedError
from weightmark.fingerprinting.leaf import TensorDigest, name_leaf, name_leaves, tensor_leaf
from weightmark.fingerprinting.surroundings import read_part, write_part
from weightmark.log.merkle import root_of
from weightmark.log.part import HINT, Joiner, Part, cut
from weightmark.model.manifest import MAX_SIZE as MAX_MANIFEST
from weightmark.model.manifest import ModelManifest
from weightmark.vocabulary import UPDATE_MEDIA_TYPE

MAX_SIZE: Final = MAX_MANIFEST
"""Bytes of an encoded proof that comes from elsewhere; a longer one is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One tensor that is not as it was.

    Attributes:
        name: its name.
        before: its leaf before, as a digest; None when it was not there.
        after: what it is now; None when it is there no more.
    """

    name: str
    before: Digest | None
    after: TensorDigest | None

    @property
    def kind(self) -> str:
        """Give ``added``, ``removed`` or ``changed``."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


Step: TypeAlias = Part | Change


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProof:
    """From one ``tensors`` digest to another.

    Attributes:
        before: the old model's ``tensors`` digest.
        after: the new model's.
        steps: what both have, as subtrees, and the changes, in the order of their names.
    """

    before: Digest
    after: Digest
    steps: tuple[Step, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The tensors that are not as they were, by name."""
        return tuple(step for step in self.steps if isinstance(step, Change))

    @property
    def kept(self) -> int:
        """How many tensors are as they were."""
        return sum(step.count for step in self.steps if isinstance(step, Part))

    def check(self) -> None:
        """Check that the new model has the old one's tensors but for exactly these changes.

        Raises:
            InclusionError: the steps do not lead from the one digest to the other.
            MalformedError: the two are by different hash functions, or a change is none.
        """
        algorithm, old_root = parse_digest(self.before)
        other, new_root = parse_digest(self.after)
        if other is not algorithm:
            raise MalformedError(f"an update from a {algorithm.value} digest to a {other.value} one")
        old, new = Joiner(algorithm), Joiner(algorithm)
        name: str | None = None
        for step in self.steps:
            if isinstance(step, Part):
                old.add(step)
                new.add(step)
                continue
            if name is not None and step.name <= name:
                raise MalformedError(f"the changes are not sorted: {name[:200]!r} before {step.name[:200]!r}")
            name = step.name
            for joiner, leaf in zip((old, new), _leaves(step, algorithm), strict=True):
                if leaf is not None:
                    joiner.add(Part(count=1, hash=leaf))
        for joiner, root, which in ((old, old_root, "earlier"), (new, new_root, "updated")):
            if joiner.root() != root:
                raise InclusionError(
                    f"the update's proof does not lead to the {which} model's tensors {root.hex()[:16]}…",
                    hint=HINT,
                )

    def encode(self) -> bytes:
        """Write the proof as canonical JSON.

        Raises:
            MalformedError: a name or a shape has no canonical form.
        """
        return encode(
            {
                "mediaType": UPDATE_MEDIA_TYPE,
                "before": self.before,
                "after": self.after,
                "steps": [
                    write_part(step) if isinstance(step, Part) else _write(step) for step in self.steps
                ],
            }
        )

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the update's proof") -> Self:
        """Read a proof strictly; whether it holds ``check`` says.

        Raises:
            MalformedError: it is something else.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_SIZE} are read")
        return cls.from_record(Record(decode(data, what=what), what))

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read a proof that is part of something else.

        Raises:
            MalformedError: it is something else.
        """
        media_type = record.text("mediaType")
        if media_type != UPDATE_MEDIA_TYPE:
            raise MalformedError(
                f"'mediaType' in {record.what} is {media_type[:80]!r}, not {UPDATE_MEDIA_TYPE!r}"
            )
        before, after = record.digest("before"), record.digest("after")
        algorithm = parse_digest(after)[0]
        steps = tuple(_read(item, algorithm) for item in record.records("steps"))
        record.done()
        return cls(before=before, after=after, steps=steps)


def prove_update(before: ModelManifest, after: ModelManifest) -> UpdateProof:
    """Prove what changed from one model to another.

    Args:
        before: the earlier model's manifest.
        after: the updated model's.

    Raises:
        MalformedError: the two are by different hash functions, or one has no tensors.
    """
    if before.algorithm is not after.algorithm:
        raise MalformedError(
            f"the earlier model is by {before.algorithm.value}, the updated one by {after.algorithm.value}",
            hint=f"Fingerprint it with --algorithm {before.algorithm.value}.",
        )
    if not before.tensors or not after.tensors:
        raise MalformedError(
            f"the {'updated' if before.tensors else 'earlier'} model has no tensors that a format knows",
            hint="Only models with tensors are updated tensor by tensor; register this one by itself.",
        )
    algorithm = before.algorithm
    leaves, others = name_leaves(before.tensors, algorithm), name_leaves(after.tensors, algorithm)
    return UpdateProof(
        before=format_digest(algorithm, root_of(leaves, algorithm)),
        after=format_digest(algorithm, root_of(others, algorithm)),
        steps=tuple(_steps(before, after, leaves, others)),
    )


def _steps(
    before: ModelManifest, after: ModelManifest, leaves: Sequence[bytes], others: Sequence[bytes]
) -> Iterator[Step]:
    """Walk both lists, which are sorted by name, and give runs of equal leaves as subtrees."""
    algorithm = before.algorithm
    old = new = run = 0
    while old < len(leaves) or new < len(others):
        if old < len(leaves) and new < len(others) and leaves[old] == others[new]:
            old, new, run = old + 1, new + 1, run + 1
            continue
        yield from cut(leaves, old - run, old, shift=new - old, algorithm=algorithm)
        run = 0
        first = before.tensors[old] if old < len(leaves) else None
        second = after.tensors[new] if new < len(others) else None
        if first is not None and second is not None and first.name != second.name:
            first, second = (first, None) if first.name < second.name else (None, second)
        was = None if first is None else format_digest(algorithm, tensor_leaf(first, algorithm))
        now = None if second is None else TensorDigest.of(second)
        if first is not None:
            yield Change(name=first.name, before=was, after=now)
        elif now is not None:
            yield Change(name=now.name, before=None, after=now)
        old, new = old + (first is not None), new + (second is not None)
    yield from cut(leaves, old - run, old, shift=new - old, algorithm=algorithm)


def _leaves(change: Change, algorithm: Algorithm) -> tuple[bytes | None, bytes | None]:
    """Give the named leaves of a change, before and after.

    Raises:
        MalformedError: it changes nothing, its tensor has another name, or it is by another hash function.
    """
    name = change.name
    for digest in (change.before, None if change.after is None else change.after.root):
        if digest is not None and parse_digest(digest)[0] is not algorithm:
            raise MalformedError(
                f"tensor {name[:200]!r} in the update is {digest[:10]}…, not {algorithm.value}"
            )
    before = None if change.before is None else parse_digest(change.before)[1]
    after = None if change.after is None else tensor_leaf(change.after, algorithm)
    if before == after or (change.after is not None and change.after.name != name):
        raise MalformedError(f"the update names the tensor {name[:200]!r}, which it does not change")
    return (
        None if before is None else name_leaf(name, before, algorithm),
        None if after is None else name_leaf(name, after, algorithm),
    )


def _write(change: Change) -> Json:
    fields: dict[str, Json] = {"name": change.name}
    if change.before is not None:
        fields["before"] = change.before
    if change.after is not None:
        after = change.after
        fields["after"] = {"dtype": after.dtype, "shape": after.shape, "root": after.root}
    return fields


def _read(record: Record, algorithm: Algorithm) -> Step:
    if record.has("hash"):
        return read_part(record)
    name = record.text("name")
    before = record.optional_digest("before")
    after = None
    if record.has("after"):
        item = record.record("after")
        after = TensorDigest.from_record(item, algorithm, name=name)
        item.done()
    record.done()
    return Change(name=name, before=before, after=after)
