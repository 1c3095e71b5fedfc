"""Works: the model that is asked about, and the others on which the answer depends.

Not here: finding them. Whoever knows the lineage hands them in.
"""

from dataclasses import dataclass
from enum import StrEnum

from weightmark.encoding import Digest
from weightmark.licensing.terms import Terms


class Relation(StrEnum):
    """How a work stands to the model that is asked about."""

    SELF = "self"
    PARENT = "parent"
    SAME_WEIGHTS = "same-weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One work that must allow the action.

    Args:
        name: for messages: ``acme/resnet`` and perhaps a version.
        subject: the digest under which it is registered, mostly its bundle; grants name it. None when nobody
            registered it, so that no grant can be for it.
        owner: the owner's name now; empty when nobody is known to own it.
        license: what its ``license`` field says; None when it says nothing.
        terms: its owner's own terms; when given, they are weighed and ``license`` is not.
        presumed: whether ``owner`` is only whoever registered it; then the licence binds them too.
        relation: how it stands to the model that is asked about.
        weights: the digest of its weights; a grant for them is a grant for the work.
        licensors: others whose grants for it count: earlier owners, and holders of a right to sublicense.
    """

    name: str
    subject: Digest | None
    owner: str
    license: str | None = None
    terms: Terms | None = None
    presumed: bool = False
    relation: Relation = Relation.SELF
    weights: Digest | None = None
    licensors: frozenset[str] = frozenset()
