"""What a platform tells us: something is about to happen to a model.

Not here: rules. An event says what, who and where; the workspace says whether.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from weightmark.vocabulary import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvent:
    """One thing that a platform is about to do with one model.

    Attributes:
        kind: which gate it must pass.
        uri: the model as the platform names it: ``models:/churn/3``, a path.
        source: where its bytes lie, when that is not ``uri``; a path or a URI that an adapter resolves.
        name: the registered model's name on the platform; empty when it has none yet.
        version: its version there; empty when it has none yet.
        actor: who asked for it, as the platform knows them; empty when it does not say.
        license: the licence that the platform's user stated; None when none was.
        owner: the owner that the platform's user stated; None when nobody did. The model is then put down to
            the workspace's own party, and a licence that it states binds that party too.
        base_models: URIs or digests of what it was derived from, as the platform's user stated.
        relation: how it came from them, as ``read_relation`` reads it; empty when nobody said.
        context: anything else the platform said; kept for observers, never decided upon.
    """

    kind: EventKind
    uri: str
    source: str = ""
    name: str = ""
    version: str = ""
    actor: str = ""
    license: str | None = None
    owner: str | None = None
    base_models: tuple[str, ...] = ()
    relation: str = ""
    context: Mapping[str, str] = field(default_factory=dict[str, str])
