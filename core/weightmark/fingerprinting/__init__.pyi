from .again import fingerprint_as as fingerprint_as
from .architecture import architecture_digest as architecture_digest
from .architecture import read_config as read_config
from .cache import CachedRoots as CachedRoots
from .cache import DigestCache as DigestCache
from .comparison import Difference as Difference
from .comparison import Reason as Reason
from .comparison import compare_manifests as compare_manifests
from .engine import Progress as Progress
from .fingerprint import Fingerprint as Fingerprint
from .fingerprint import bundle_digest as bundle_digest
from .fingerprint import fingerprint_artifact as fingerprint_artifact
from .fingerprint import tensors_digest as tensors_digest
from .fingerprint import weights_digest as weights_digest
from .leaf import TensorDigest as TensorDigest
from .leaf import tensor_leaf as tensor_leaf
from .loaded import LoadedModel as LoadedModel
from .memory import LoadedFingerprint as LoadedFingerprint
from .memory import fingerprint_loaded as fingerprint_loaded
from .naming import name_apart as name_apart

__all__ = [
    "CachedRoots",
    "Difference",
    "DigestCache",
    "Fingerprint",
    "LoadedFingerprint",
    "LoadedModel",
    "Progress",
    "Reason",
    "TensorDigest",
    "architecture_digest",
    "bundle_digest",
    "compare_manifests",
    "fingerprint_artifact",
    "fingerprint_as",
    "fingerprint_loaded",
    "name_apart",
    "read_config",
    "tensor_leaf",
    "tensors_digest",
    "weights_digest",
]
