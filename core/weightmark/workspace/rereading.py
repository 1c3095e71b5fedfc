"""Reading files that should be a registered model's."""

from weightmark.encoding import Algorithm, parse_digest
from weightmark.errors import MalformedError
from weightmark.fingerprinting import Fingerprint, fingerprint_as
from weightmark.index import RegisteredModel
from weightmark.ports import ResolvedModel
from weightmark.workspace.reading import Progress, read_fingerprint
from weightmark.workspace.recording import manifest_of
from weightmark.workspace.resource import Resources


def read_again(
    resources: Resources,
    resolved: ResolvedModel,
    model: RegisteredModel | None,
    progress: Progress | None = None,
) -> Fingerprint:
    """Fingerprint files that should be a registered model's.

    Files that their format refuses, because they were tampered with, are cut as they were registered, so that
    it can be said what is not as it was.

    Args:
        resources: which formats, which store, which hash function when there is no model.
        resolved: the files.
        model: what they should be; None when that is not known.
        progress: told the bytes done and the bytes in all.

    Raises:
        MalformedError: they are not safe to read, or nothing says how they were.
    """
    try:
        return read_fingerprint(
            resolved,
            resources.plugins,
            algorithm=algorithm_of(model) or resources.configuration.algorithm,
            progress=progress,
        )
    except MalformedError:
        manifest = None if model is None else manifest_of(resources, model)
        if manifest is None:
            raise
        return fingerprint_as(resolved.open(), manifest, progress=progress)


def algorithm_of(model: RegisteredModel | None) -> Algorithm | None:
    """Give the hash function by which a model was registered; None for no model."""
    return None if model is None else parse_digest(model.bundle)[0]
