"""The digest that says whether two models are the same network, whatever their numbers.

Not promised: that a configuration means what it says, or that two configurations that mean the same are
written the same. What is compared is the text, less the keys that say nothing about the network.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from weightmark.encoding import Algorithm, Digest, Json, Record, decode, digest_bytes, encode
from weightmark.encoding.canonical import MAX_INTEGER
from weightmark.errors import MalformedError
from weightmark.fingerprinting.leaf import TensorDigest
from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan

CONFIG_PATH: Final = "config.json"
"""The one file that is read as the configuration: at the artifact's top, with this name."""

MAX_CONFIG_SIZE: Final = 16 * 1024 * 1024
"""The most bytes of a configuration."""

VOLATILE_KEYS: Final = frozenset(
    {
        "_attn_implementation",
        "_attn_implementation_autoset",
        "_commit_hash",
        "_name_or_path",
        "transformers_version",
    }
)
"""Keys at the configuration's top that change from save to save and say nothing about the network. The number
type (``dtype``, ``torch_dtype``) is not one of them."""

_HINT = (
    "Write the configuration again as plain JSON (no key twice, not nested beyond reason), or leave it out."
)


def read_config(artifact: Artifact) -> Mapping[str, Json] | None:
    """Read a model's configuration in its canonical form.

    Args:
        artifact: the model's files.

    Returns:
        ``config.json`` without volatile keys; large integers, NaN and Infinity as strings; None when there is
        no such file.

    Raises:
        MalformedError: the file is too large, is not a JSON object, or cannot be read.
    """
    file = artifact.find(CONFIG_PATH)
    if file is None:
        return None
    if file.size > MAX_CONFIG_SIZE:
        raise MalformedError(
            f"{CONFIG_PATH} has {file.size} bytes; a configuration has at most {MAX_CONFIG_SIZE}", hint=_HINT
        )
    return read_config_text(artifact.read(CONFIG_PATH, 0, file.size))


def read_config_text(data: bytes) -> Mapping[str, Json]:
    """Read a configuration in its canonical form.

    Args:
        data: the bytes of ``config.json``, or what would be written there.

    Returns:
        As ``read_config`` gives it.

    Raises:
        MalformedError: it is not a JSON object.
    """
    try:
        config = Record(decode(data, what=CONFIG_PATH, constants=True), CONFIG_PATH).members()
        kept = {key: _portable(value) for key, value in config.items() if key not in VOLATILE_KEYS}
        encode(kept)
    except MalformedError as error:
        raise MalformedError(f"{CONFIG_PATH} cannot be used: {error.message}", hint=_HINT) from error
    return kept


def architecture_digest(
    config: Mapping[str, Json] | None, spans: Sequence[TensorSpan | TensorDigest], algorithm: Algorithm
) -> Digest | None:
    """Digest a network's shape.

    The digest is over JCS{"config": configuration or null, "tensors": [[name, dtype, shape], ...]}, the
    tensors sorted by the UTF-8 bytes of their names.

    Args:
        config: the canonical configuration; None when there is none.
        spans: the tensors, in any order.
        algorithm: the hash function.

    Returns:
        The digest; None when there is neither configuration nor tensor.

    Raises:
        MalformedError: the configuration or a shape has no canonical form.

    Source: RFC 8785.
    """
    if config is None and not spans:
        return None
    tensors: list[Json] = [
        [span.name, span.dtype, span.shape] for span in sorted(spans, key=lambda span: span.name)
    ]
    return digest_bytes(encode({"config": config, "tensors": tensors}), algorithm)


def _portable(value: Json) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return str(value)
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    return value
