"""From a URI to files, from files to a fingerprint."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from weightmark.discovery import Plugins, choose
from weightmark.encoding import Algorithm
from weightmark.errors import (
    MalformedError,
    PlatformError,
    PluginConflictError,
    PluginError,
    UnknownPluginError,
)
from weightmark.fingerprinting import DigestCache, Fingerprint, fingerprint_artifact, name_apart
from weightmark.model import Artifact, TensorSpan, check_work
from weightmark.ports import Registry, ResolvedModel
from weightmark.similarity import ModelTensors

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


def registry_for(uri: str, plugins: Plugins) -> Registry:
    """Find the registry that resolves a URI; a plain path is a ``file:`` URI.

    Raises:
        UnknownPluginError: no installed registry knows the scheme.
    """
    scheme = uri.split(":", 1)[0] if ":" in uri and not is_path(uri) else "file"
    for cls in plugins.registries.values():
        if scheme in cls.schemes:
            return cls()
    known = sorted(scheme for cls in plugins.registries.values() for scheme in cls.schemes)
    raise UnknownPluginError(
        f"nothing installed resolves {scheme!r} URIs such as {uri[:80]!r}; known: {', '.join(known)}",
        hint="Give a path, or install the platform's extra: pip install 'weightmark[mlflow]'.",
    )


def pin(reference: str, plugins: Plugins) -> str:
    """Replace an alias of a platform by the version it stands for now; leave all else as it is.

    A platform that cannot be asked, or knows no such URI, leaves the reference unpinned: it is recorded as it
    was stated, and what is not known to be registered is refused at the next gate.
    """
    scheme = reference.partition(":")[0]
    for cls in plugins.registries.values():
        if scheme in cls.schemes and reference.startswith(f"{scheme}:"):
            try:
                return cls().pin(reference)
            except (MalformedError, PlatformError, PluginError) as error:
                _log.warning("%r is recorded as it is stated: %s", reference, error.message)
    return reference


def resolve(uri: str, plugins: Plugins, settings: Path | None) -> ResolvedModel:
    """Turn a path or a platform's URI into files on this machine.

    Args:
        uri: the path or the URI.
        plugins: which registries are known.
        settings: the file that settings were read from.

    Raises:
        UnknownPluginError: no installed registry knows the scheme.
        PlatformError: the platform refused, failed, or has no such model.
        MalformedError: the settings lie inside the model's own folder.
    """
    resolved = registry_for(uri, plugins).resolve(uri)
    if settings is not None and settings.resolve().is_relative_to(resolved.path.resolve()):
        raise MalformedError(
            f"the settings in {settings} lie inside the model {resolved.path};"
            " a model must not choose whom we trust",
            hint="Run the command from another folder, or name your settings with WEIGHTMARK_CONFIG.",
        )
    return resolved


def is_path(reference: str) -> bool:
    """Say whether there is a file or a folder of this name here."""
    try:
        return Path(reference).exists()
    except (OSError, ValueError):
        return False


def names_files(reference: str) -> bool:
    """Say whether a reference can be files: a path that exists, or a URI; not a digest, not a name."""
    return is_path(reference) or (":" in reference and not reference.startswith(("sha256:", "blake3:")))


def read_fingerprint(  # noqa: PLR0913 - keywords, each with its default
    resolved: ResolvedModel,
    plugins: Plugins,
    *,
    algorithm: Algorithm = Algorithm.SHA256,
    threads: int | None = None,
    progress: Progress | None = None,
    cache: DigestCache | None = None,
) -> Fingerprint:
    """Fingerprint a model's files.

    Args:
        resolved: where they lie.
        plugins: which formats are known.
        algorithm: the hash function.
        threads: how many hash at once; None for one more than there are cores, at most 8.
        progress: told how far it is.
        cache: digests of files that have not changed since; None to read everything.

    Raises:
        MalformedError: the files are not safe to read, are damaged, or change while they are read.
        PluginConflictError: two formats claim one file.
    """
    artifact = resolved.open()
    return fingerprint_artifact(
        artifact,
        find_tensors(artifact, plugins),
        algorithm=algorithm,
        threads=threads,
        progress=progress,
        cache=cache,
    )


def find_tensors(artifact: Artifact, plugins: Plugins) -> list[TensorSpan]:
    """Find the tensors of a model, by all formats that are installed; names are unique.

    A name that two formats give belongs to safetensors, else to the format that comes first by its own name.

    Raises:
        MalformedError: a file is damaged, a name stands twice, or the tensors unfold to far more bytes than
            the model has.
        PluginConflictError: two formats read one file.
    """
    found: list[Sequence[TensorSpan]] = []
    claimed: dict[str, str] = {}
    for name in sorted(plugins.formats, key=lambda name: (name != "safetensors", name)):
        reader = choose(plugins.formats, name, "format")()
        paths = reader.claims(artifact)
        spans = reader.tensors(artifact, paths) if paths else ()
        for path in {span.path for span in spans}:
            if claimed.setdefault(path, name) != name:
                raise PluginConflictError(f"the formats {claimed[path]} and {name} both read {path}")
        found.append(spans)
    spans = list(name_apart(found))
    check_work(spans, artifact.size)
    return spans


def open_tensors(resolved: ResolvedModel, plugins: Plugins) -> ModelTensors:
    """Open a model's tensors as numbers.

    Raises:
        MalformedError: the files are not safe to read, or are damaged.
        PluginConflictError: two formats read one file.
    """
    artifact = resolved.open()
    return ModelTensors(artifact, find_tensors(artifact, plugins))
