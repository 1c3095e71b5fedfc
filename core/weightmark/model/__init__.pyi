from .artifact import Artifact as Artifact
from .artifact import ArtifactFile as ArtifactFile
from .event import ModelEvent as ModelEvent
from .layout import Inflated as Inflated
from .layout import Layout as Layout
from .layout import Stored as Stored
from .layout import Strided as Strided
from .lineage import Parent as Parent
from .lineage import Relation as Relation
from .lineage import read_relation as read_relation
from .manifest import FileEntry as FileEntry
from .manifest import ModelManifest as ModelManifest
from .manifest import TensorEntry as TensorEntry
from .path import check_path as check_path
from .path import collision_key as collision_key
from .tensor import TensorSpan as TensorSpan
from .tensor import check_work as check_work
from .version import ModelVersion as ModelVersion

__all__ = [
    "Artifact",
    "ArtifactFile",
    "FileEntry",
    "Inflated",
    "Layout",
    "ModelEvent",
    "ModelManifest",
    "ModelVersion",
    "Parent",
    "Relation",
    "Stored",
    "Strided",
    "TensorEntry",
    "TensorSpan",
    "check_path",
    "check_work",
    "collision_key",
    "read_relation",
]
