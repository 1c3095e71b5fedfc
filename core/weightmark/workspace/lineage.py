"""Everything a model stands on: the works whose licences must all allow an action."""

from collections import deque

from weightmark.index import Index, RegisteredModel
from weightmark.licensing import Relation, Work
from weightmark.model.lineage import DATA

MAX_WORKS = 1000
"""A lineage longer than this is not walked further; what is left counts as unknown."""


def works_of(index: Index, model: RegisteredModel) -> tuple[Work, ...]:
    """Give a model and everything it was derived from, each once.

    Earlier registrations of the same numbers by another owner count too: packaging a model anew does not
    change whose it is.

    Args:
        index: where models and their parents are known.
        model: where to begin.

    Returns:
        The model first, then its ancestors, nearest first. An ancestor that nobody registered is a work
        without owner and without licence.
    """
    works = [_work(index, model, Relation.SELF)]
    seen = {model.bundle}
    queue = deque([model])
    while queue and len(works) < MAX_WORKS:
        current = queue.popleft()
        for ancestor, relation in _above(index, current):
            if isinstance(ancestor, Work):
                works.append(ancestor)
            elif ancestor.bundle not in seen:
                seen.add(ancestor.bundle)
                works.append(_work(index, ancestor, relation))
                queue.append(ancestor)
    if queue:
        works.append(_unknown(f"the rest of the lineage of {model.name}"))
    return tuple(works)


def _above(index: Index, model: RegisteredModel) -> list[tuple[RegisteredModel | Work, Relation]]:
    found: list[tuple[RegisteredModel | Work, Relation]] = []
    if model.weights is not None:
        found += [
            (twin, Relation.SAME_WEIGHTS)
            for twin in index.same_weights(model.weights)
            if twin.entry < model.entry and twin.owner != model.owner
        ]
    for parent in index.parents(model.bundle):
        if parent.relation in DATA:
            continue
        known = index.find(parent.bundle or parent.uri)
        found.append((known or _unknown(parent.uri or str(parent.bundle)), Relation.PARENT))
    return found


def _work(index: Index, model: RegisteredModel, relation: Relation) -> Work:
    # The index keeps only grants by whoever owned the model at the time; they hold under a later owner too.
    licensors = index.licensors(model.bundle)
    return Work(
        name=model.name,
        subject=model.bundle,
        weights=model.weights,
        owner=model.owner,
        license=model.license,
        terms=model.terms,
        # Without a licence there is nothing that could bind whoever registered it.
        presumed=model.presumed and model.license is not None,
        relation=relation,
        licensors=licensors,
    )


def _unknown(name: str) -> Work:
    return Work(name=name, subject=None, owner="", relation=Relation.PARENT)
