"""A registered model read again as it was cut then, when its formats cannot read it any more.

A file whose header was tampered with is refused by its format, which would hide that it is not the registered
one. Its registered manifest says where the tensors lay, and the roots of its files need nothing else.

Not promised: names of tensors that a layout made, in files that changed.
"""

from dataclasses import replace

from weightmark.fingerprinting.engine import Progress
from weightmark.fingerprinting.fingerprint import Fingerprint, fingerprint_artifact
from weightmark.model.artifact import Artifact
from weightmark.model.manifest import ModelManifest, TensorEntry
from weightmark.model.tensor import TensorSpan


def fingerprint_as(
    artifact: Artifact, registered: ModelManifest, *, progress: Progress | None = None
) -> Fingerprint:
    """Fingerprint files by the places that a registered manifest names.

    Args:
        artifact: the files.
        registered: where the tensors lay when it was registered.
        progress: told of bytes done and bytes in all.

    Returns:
        The fingerprint; its ``bundle`` is the registered one exactly when the files are.

    Raises:
        MalformedError: a file cannot be read, changed meanwhile, or the configuration is not strict JSON.
    """
    sizes = {file.path: file.size for file in artifact.files}
    spans = [
        TensorSpan(
            name=entry.name,
            dtype=entry.dtype,
            shape=entry.shape,
            path=entry.path,
            start=entry.start,
            stop=entry.stop,
        )
        for entry in registered.tensors
        if not entry.layout and entry.stop <= sizes.get(entry.path, -1)
    ]
    found = fingerprint_artifact(artifact, spans, algorithm=registered.algorithm, progress=progress)
    tensors = sorted((*found.manifest.tensors, *_kept(found.manifest, registered)), key=lambda one: one.name)
    return replace(found, manifest=replace(found.manifest, tensors=tuple(tensors)))


def _kept(found: ModelManifest, registered: ModelManifest) -> list[TensorEntry]:
    """Give the tensors that layouts made, of files that are as they were."""
    roots = {file.path: file.root for file in found.files}
    same = {file.path for file in registered.files if roots.get(file.path) == file.root}
    return [entry for entry in registered.tensors if entry.layout and entry.path in same]
