"""A model's fingerprint: a few digests, each with one question, from one pass over the bytes.

With H the chosen hash function, JCS canonical JSON (RFC 8785), and roots and leaves as in RFC 6962:

- ``bundle``: are these exactly the same files? The root over the leaves JCS{"path", "size", "root"} of the
  files, sorted by the UTF-8 bytes of their paths.
- ``weights``: are these the same numbers, whatever the names, the files and their order? The root over the
  sorted set of the tensors' leaves JCS{"dtype", "shape", "root"}; equal tensors count once.
- ``tensors``: the same with names. The root over the leaves JCS{"name", "leaf"} sorted by the UTF-8 bytes of
  the names, "leaf" being the tensor's leaf hash, above, as a digest.
- ``architecture``: is it the same network? See ``weightmark.fingerprinting.architecture``.

How roots of files and tensors come about: ``weightmark.fingerprinting.tree``.

Not promised: that a model with other digests is another model. A fine-tuned copy has others.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from weightmark.encoding import Algorithm, Digest, format_digest
from weightmark.errors import MalformedError
from weightmark.fingerprinting.architecture import architecture_digest, read_config
from weightmark.fingerprinting.cache import CachedRoots, DigestCache
from weightmark.fingerprinting.engine import HashJob, Progress, hash_files
from weightmark.fingerprinting.leaf import file_leaf, tensor_roots
from weightmark.fingerprinting.tree import CHUNK_SIZE, FilePlan, plan_file
from weightmark.log.merkle import root_of
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.manifest import FileEntry, ModelManifest, TensorEntry
from weightmark.model.tensor import TensorSpan, check_work

KEEP_SECONDS: Final = 10.0
"""How often, while a model is read, the digests of its finished files go into the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The digests of one model.

    Attributes:
        algorithm: the hash function of all digests.
        bundle: the same exactly for the same files with the same names.
        weights: the same for the same numbers; None when the model has no tensors that a format knows.
        tensors: the same for the same numbers under the same names; None without tensors.
        architecture: the same for the same network; None without configuration and tensors.
        manifest: the files and tensors that the digests are made from.
    """

    algorithm: Algorithm
    bundle: Digest
    weights: Digest | None
    tensors: Digest | None
    architecture: Digest | None
    manifest: ModelManifest


def fingerprint_artifact(  # noqa: PLR0913 - what is asked for, each by its own keyword
    artifact: Artifact,
    spans: Sequence[TensorSpan],
    *,
    algorithm: Algorithm = Algorithm.SHA256,
    threads: int | None = None,
    progress: Progress | None = None,
    cache: DigestCache | None = None,
    file_digests: bool = False,
    chunk_size: int = CHUNK_SIZE,
) -> Fingerprint:
    """Read a model once and make its fingerprint.

    Args:
        artifact: the model's files.
        spans: its tensors, as formats found them, in any order; names are unique.
        algorithm: the hash function.
        threads: how many threads; by default one more than processors, at most 8. It changes no result.
        progress: told of bytes done and bytes in all, from this thread, at most 200 times.
        cache: digests of files that were read before and look unchanged; None to read everything. Whoever can
            write to the cache, or set a file's times, decides what is believed. Finished files are kept also
            when a later one cannot be read.
        file_digests: also keep the plain SHA-256 of each file, which about doubles the hashing.
        chunk_size: for tests only; another value than the default gives other digests.

    Returns:
        The fingerprint.

    Raises:
        ValueError: fewer than one thread was asked for.
        MalformedError: a file cannot be read or changed meanwhile, a tensor lies outside its file, two
            overlap or have one name, or the configuration is not strict JSON.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    jobs = _plan(artifact, spans, chunk_size)
    architecture = architecture_digest(read_config(artifact), spans, algorithm)
    keeper = None if cache is None else _Keeper(cache, algorithm, file_digests=file_digests)
    known = _known(jobs, cache, algorithm, file_digests=file_digests)
    fresh = [job for job in jobs if job.file.path not in known]
    told = progress if keeper is None else keeper.watch(fresh, progress)
    try:
        hash_files(fresh, algorithm, threads=threads, whole=file_digests, progress=told)
        artifact.check_unchanged()
    except BaseException:
        if keeper is not None:
            with suppress(MalformedError):
                keeper.keep(fresh)
        raise
    if keeper is not None:
        keeper.keep(fresh)
    roots = known | {job.file.path: _roots(job, algorithm) for job in fresh}
    return _fingerprint(_manifest(jobs, roots, algorithm), architecture)


def _fingerprint(manifest: ModelManifest, architecture: Digest | None) -> Fingerprint:
    weights, tensors = tensor_roots(manifest.tensors, manifest.algorithm)
    return Fingerprint(
        algorithm=manifest.algorithm,
        bundle=bundle_digest(manifest),
        weights=weights,
        tensors=tensors,
        architecture=architecture,
        manifest=manifest,
    )


def bundle_digest(manifest: ModelManifest) -> Digest:
    """Compute the ``bundle`` digest from a manifest alone.

    Raises:
        MalformedError: a path or a size has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    leaves = [
        file_leaf(file, manifest.algorithm) for file in sorted(manifest.files, key=lambda file: file.path)
    ]
    return format_digest(manifest.algorithm, root_of(leaves, manifest.algorithm))


def weights_digest(manifest: ModelManifest) -> Digest | None:
    """Compute the ``weights`` digest from a manifest alone; None when it has no tensors.

    Raises:
        MalformedError: a shape has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    return tensor_roots(manifest.tensors, manifest.algorithm)[0]


def tensors_digest(manifest: ModelManifest) -> Digest | None:
    """Compute the ``tensors`` digest from a manifest alone; None when it has no tensors.

    Raises:
        MalformedError: a name or a shape has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    return tensor_roots(manifest.tensors, manifest.algorithm)[1]


def _plan(artifact: Artifact, spans: Sequence[TensorSpan], chunk_size: int) -> list[HashJob]:
    names: dict[str, TensorSpan] = {}
    by_path: dict[str, list[TensorSpan]] = {file.path: [] for file in artifact.files}
    for span in spans:
        other = names.setdefault(span.name, span)
        if other is not span:
            raise MalformedError(
                f"tensor {span.name!r} stands twice, in {other.path} and in {span.path}",
                hint="Leave the copy out of the model's folder.",
            )
        if span.path not in by_path:
            raise MalformedError(f"tensor {span.name!r} lies in {span.path!r}, which the model does not have")
        by_path[span.path].append(span)
    check_work(spans, artifact.size)
    return [_job(file, by_path[file.path], chunk_size) for file in artifact.files]


def _job(file: ArtifactFile, spans: Sequence[TensorSpan], chunk_size: int) -> HashJob:
    return HashJob(file, plan_file(file.path, file.size, spans, chunk_size=chunk_size), chunk_size)


def _known(
    jobs: Sequence[HashJob], cache: DigestCache | None, algorithm: Algorithm, *, file_digests: bool
) -> dict[str, CachedRoots]:
    if cache is None:
        return {}
    found = cache.find([(job.file, _key(job.plan, file_digests=file_digests)) for job in jobs], algorithm)
    counts = {job.file.path: len(job.plan.tensors) + len(job.plan.derived) for job in jobs}
    return {path: roots for path, roots in found.items() if len(roots.tensors) == counts[path]}


class _Keeper:
    """Puts the digests of finished files into the cache, also now and then while others are still read."""

    def __init__(self, cache: DigestCache, algorithm: Algorithm, *, file_digests: bool) -> None:
        self._cache = cache
        self._algorithm = algorithm
        self._file_digests = file_digests
        self._started = cache.now()
        self._kept: set[str] = set()
        self._last = time.monotonic()

    def watch(self, jobs: Sequence[HashJob], progress: Progress | None) -> Progress:
        """Make what is told how far it is, and keeps what is finished meanwhile."""

        def told(done: int, total: int) -> None:
            if progress is not None:
                progress(done, total)
            if time.monotonic() - self._last >= KEEP_SECONDS:
                self.keep(jobs)

        return told

    def keep(self, jobs: Sequence[HashJob]) -> None:
        """Keep what is finished and was not kept before."""
        ready = [job for job in jobs if job.finished and job.file.path not in self._kept]
        ready = [job for job in ready if job.whole or not self._file_digests]
        entries = [
            (job.file, _key(job.plan, file_digests=self._file_digests), _roots(job, self._algorithm))
            for job in ready
        ]
        self._cache.keep(entries, self._algorithm, started=self._started)
        self._kept.update(job.file.path for job in ready)
        self._last = time.monotonic()


def _key(plan: FilePlan, *, file_digests: bool) -> str:
    return f"{plan.digest()}{'+sha256' if file_digests else ''}"


def _roots(job: HashJob, algorithm: Algorithm) -> CachedRoots:
    plain = [root_of(job.leaves[part.first : part.last], algorithm) for part in job.plan.tensors]
    return CachedRoots(
        root=root_of(job.leaves, algorithm),
        tensors=(*plain, *job.derived),
        sha256=job.whole[0] if job.whole else b"",
    )


def _manifest(jobs: Sequence[HashJob], roots: dict[str, CachedRoots], algorithm: Algorithm) -> ModelManifest:
    files: list[FileEntry] = []
    tensors: list[TensorEntry] = []
    for job in jobs:
        found = roots[job.file.path]
        sha256 = format_digest(Algorithm.SHA256, found.sha256) if found.sha256 else None
        root = format_digest(algorithm, found.root)
        files.append(FileEntry(path=job.file.path, size=job.file.size, root=root, sha256=sha256))
        spans = (*(part.span for part in job.plan.tensors), *job.plan.derived)
        for span, raw in zip(spans, found.tensors, strict=True):
            tensors.append(_entry(span, format_digest(algorithm, raw)))
    tensors.sort(key=lambda tensor: tensor.name)
    return ModelManifest(algorithm=algorithm, files=tuple(files), tensors=tuple(tensors))


def _entry(span: TensorSpan, root: Digest) -> TensorEntry:
    return TensorEntry(
        name=span.name,
        dtype=span.dtype,
        shape=span.shape,
        path=span.path,
        start=span.start,
        stop=span.stop,
        root=root,
        layout="" if span.layout is None else span.layout.name,
    )
