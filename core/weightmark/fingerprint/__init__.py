"""What a model is known by: digests over its files, its numbers and its shape; what differs between two."""

from weightmark.fingerprint.architecture import architecture_digest, read_config
from weightmark.fingerprint.cache import CachedRoots, DigestCache
from weightmark.fingerprint.comparison import Difference, Reason, compare_manifests
from weightmark.fingerprint.engine import Progress
from weightmark.fingerprint.fingerprint import (
    Fingerprint,
    bundle_digest,
    fingerprint_artifact,
    tensor_leaf,
    tensors_digest,
    weights_digest,
)

__all__ = [
    "CachedRoots",
    "Difference",
    "DigestCache",
    "Fingerprint",
    "Progress",
    "Reason",
    "architecture_digest",
    "bundle_digest",
    "compare_manifests",
    "fingerprint_artifact",
    "read_config",
    "tensor_leaf",
    "tensors_digest",
    "weights_digest",
]
