"""Digests of what is on a stage, so that one push hashes every byte of a tensor once.

A file that was not written since it was hashed is known again by its number, size and times; of one whose
header was stamped in place, only the header is hashed again. Nothing here outlives the push, and the stage is
a folder that only its user may enter.

Not promised: anything against a process of the same user that writes to the stage within one tick of the
clock; the stage is checked once more right before it is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from weightmark.discovery import Plugins
from weightmark.encoding import Algorithm
from weightmark.fingerprinting import CachedRoots, DigestCache
from weightmark.fingerprinting.engine import HashJob, hash_files
from weightmark.fingerprinting.tree import FilePlan, plan_file
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.ports import ResolvedModel
from weightmark.workspace.reading import find_tensors
from weightmark_hooks.huggingface.stage import Identity, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """A file that may be stamped, as it was hashed.

    Attributes:
        identity: which file it was.
        plan: how it was cut.
        leaves: one leaf of 32 bytes per chunk.
    """

    identity: Identity
    plan: FilePlan
    leaves: tuple[bytes, ...]


class StageDigests(DigestCache):
    """The digests of one stage, in memory.

    Args:
        stage: what they are of.
        algorithm: the hash function; nothing is known by another.
    """

    def __init__(self, stage: Stage, algorithm: Algorithm) -> None:
        super().__init__(stage.folder)
        self._stage = stage
        self._algorithm = algorithm
        self._hashed: dict[str, Hashed] = {}
        self._kept: dict[tuple[Identity, str], CachedRoots] = {}

    def read(self, resolved: ResolvedModel, plugins: Plugins) -> None:
        """Hash the files that will be stamped, and keep the digest of every chunk.

        Args:
            resolved: the stage as a model.
            plugins: which formats are known.

        Raises:
            MalformedError: a file is not safe to read, is damaged, or changes while it is read.
        """
        artifact = Artifact.open(resolved.path, ignore=resolved.ignore)
        stamped = [file for file in artifact.files if self._stage.will_stamp(file.path)]
        if not stamped:
            return
        spans = find_tensors(artifact, plugins)
        plans = [
            plan_file(file.path, file.size, [span for span in spans if span.path == file.path])
            for file in stamped
        ]
        jobs = [HashJob(file, plan) for file, plan in zip(stamped, plans, strict=True) if not plan.derived]
        hash_files(jobs, self._algorithm)
        artifact.check_unchanged()
        for job in jobs:
            made = Hashed(identity=_identity(job.file), plan=job.plan, leaves=tuple(job.leaves))
            self._hashed[job.file.path] = made

    def find(
        self, wanted: Sequence[tuple[ArtifactFile, str]], algorithm: Algorithm
    ) -> dict[str, CachedRoots]:
        """Give what is known of files, and fix which files the fingerprint is of.

        Args:
            wanted: files, each with the name of its plan.
            algorithm: the hash function.

        Raises:
            MalformedError: a stamped header cannot be read.
        """
        if algorithm is not self._algorithm:
            return {}
        self._stage.fixed = {file.path: _identity(file) for file, _ in wanted}
        found = ((file.path, self._find(file, plan)) for file, plan in wanted)
        return {path: roots for path, roots in found if roots is not None}

    def keep(
        self,
        entries: Sequence[tuple[ArtifactFile, str, CachedRoots]],
        algorithm: Algorithm,
        *,
        started: int,
    ) -> None:
        """Keep what was read, for the rest of this push."""
        del started
        if algorithm is self._algorithm:
            self._kept |= {(_identity(file), plan): roots for file, plan, roots in entries}

    def _find(self, file: ArtifactFile, plan: str) -> CachedRoots | None:
        known = self._kept.get((_identity(file), plan))
        hashed = self._hashed.get(file.path)
        if known is not None or hashed is None or hashed.plan.digest() != plan:
            return known
        if hashed.identity == _identity(file):
            return self._roots(hashed.plan, hashed.leaves)
        stamp = self._stage.stamped.get(file.path)
        if stamp is None or (stamp.before, stamp.after) != (hashed.identity, _identity(file)):
            return None
        bounds = hashed.plan.bounds
        count = next((number for number, start in enumerate(bounds) if start >= stamp.size), None)
        if count is None or any(part.first < min(count, part.last) for part in hashed.plan.tensors):
            return None
        with file.opened() as reader:
            heads = [
                hash_leaf(reader.read(start, stop - start), self._algorithm)
                for start, stop in pairwise(bounds[: count + 1])
            ]
        return self._roots(hashed.plan, (*heads, *hashed.leaves[count:]))

    def _roots(self, plan: FilePlan, leaves: Sequence[bytes]) -> CachedRoots:
        parts: Iterable[Sequence[bytes]] = (leaves[part.first : part.last] for part in plan.tensors)
        return CachedRoots(
            root=root_of(leaves, self._algorithm),
            tensors=tuple(root_of(part, self._algorithm) for part in parts),
        )


def _identity(file: ArtifactFile) -> Identity:
    return (file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns)
