"""What a model is: its files, its tensors, its versions and where it came from."""

from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.event import ModelEvent
from weightmark.model.lineage import Parent, Relation
from weightmark.model.manifest import FileEntry, ModelManifest, TensorEntry
from weightmark.model.path import check_path, collision_key
from weightmark.model.tensor import TensorSpan
from weightmark.model.version import ModelVersion

__all__ = [
    "Artifact",
    "ArtifactFile",
    "FileEntry",
    "ModelEvent",
    "ModelManifest",
    "ModelVersion",
    "Parent",
    "Relation",
    "TensorEntry",
    "TensorSpan",
    "check_path",
    "collision_key",
]
