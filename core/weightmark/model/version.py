"""One version of a model, as a registry knows it.

Not promised: that the registry still holds these bytes. The digest says which they were.
"""

from dataclasses import dataclass

from weightmark.encoding import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One entry of a model in a registry.

    Attributes:
        name: the model's registered name.
        version: the entry's name there: ``"3"``, a commit, a tag.
        uri: where it is found: ``models:/churn/3``, ``hf://org/name@commit``, a path.
        bundle: the bundle digest of its files.
    """

    name: str
    version: str
    uri: str
    bundle: Digest
