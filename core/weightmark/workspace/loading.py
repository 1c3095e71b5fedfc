"""The fingerprint of a model that is in memory, whatever library it is of."""

import tempfile
from pathlib import Path
from typing import Any, Final, cast

from weightmark.discovery import Plugins
from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.fingerprinting import LoadedFingerprint, LoadedModel, TensorDigest, fingerprint_loaded
from weightmark.ports import ResolvedModel
from weightmark.workspace.reading import read_fingerprint

_ONNX: Final = "ModelProto"


def fingerprint_memory(model: LoadedModel, plugins: Plugins, algorithm: Algorithm) -> LoadedFingerprint:
    """Fingerprint a model in memory.

    An ONNX model is written to a folder of its own for as long as it takes, and read as any ONNX file is:
    what a tensor in it is called, and how it lies, is the format's matter.

    Args:
        model: the model.
        plugins: which formats are known.
        algorithm: the hash function.

    Raises:
        MalformedError: it is no model, or its numbers are not at hand.
    """
    if type(model).__name__ != _ONNX or not hasattr(model, "SerializeToString"):
        return fingerprint_loaded(model, algorithm=algorithm)
    try:
        data = cast("Any", model).SerializeToString()
    except Exception as error:
        raise MalformedError(
            f"the ONNX model cannot be written: {type(error).__name__}: {error}",
            hint="One of more than 2 GiB is saved with onnx.save(…, save_as_external_data=True):"
            " fingerprint that file.",
        ) from error
    with tempfile.TemporaryDirectory(prefix="weightmark-") as folder:
        Path(folder, "model.onnx").write_bytes(data)
        resolved = ResolvedModel(uri="", path=Path(folder), facts={})
        found = read_fingerprint(resolved, plugins, algorithm=algorithm)
    return LoadedFingerprint(
        algorithm=found.algorithm,
        weights=found.weights,
        tensors=found.tensors,
        architecture=found.architecture,
        entries=tuple(TensorDigest.of(entry) for entry in found.manifest.tensors),
    )
