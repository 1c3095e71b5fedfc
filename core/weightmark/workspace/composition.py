"""What a registered model is made of, for weighing licences: its whole lineage, each work in its kind.

Not promised: that the lineage is whole. What nobody stated is not there; what is stated and not registered
comes without a licence.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from weightmark.index import Index, KnownParent, RegisteredModel
from weightmark.licensing import Ingredient, WorkKind
from weightmark.licensing.expression import Known, resolve_license
from weightmark.model.lineage import Relation
from weightmark.workspace.lineage import MAX_WORKS


def ingredients_of(
    index: Index, model: RegisteredModel, *, party: str, kind: WorkKind | None = None
) -> tuple[Ingredient, ...]:
    """Give a model and everything it was made from as ingredients, each once.

    Base models, adapters and merged parents are of the model's own kind; what it was distilled from gave its
    outputs; data sets were learnt from by others before. Data sets for evaluation are left out.

    Args:
        index: where models and their parents are known.
        model: where to begin.
        party: who asks; their own works do not bind them.
        kind: the model's own kind; None to leave it to how works come together.

    Returns:
        The model first, then its ancestors, nearest first.

    Raises:
        Nothing beyond what the index raises.
    """
    found = [_ingredient(model, party=party, kind=kind)]
    seen: set[tuple[str, WorkKind | None]] = {(model.bundle, kind)}
    queue = deque([(model, found[0])])
    while queue and len(found) < MAX_WORKS:
        current, ingredient = queue.popleft()
        for ancestor, parent in _above(index, current):
            above = _place(ancestor, parent, ingredient, party=party)
            name = ancestor.bundle if ancestor is not None else above.name
            if (name, above.kind) in seen:
                continue
            seen.add((name, above.kind))
            found.append(above)
            if ancestor is not None:
                queue.append((ancestor, above))
    if queue:
        found.append(Ingredient(name=f"the rest of the lineage of {model.name}", license=None))
    return tuple(found)


def _above(
    index: Index, model: RegisteredModel
) -> Iterator[tuple[RegisteredModel | None, KnownParent | None]]:
    if model.weights is not None:
        for twin in index.same_weights(model.weights):
            if twin.entry < model.entry and twin.owner != model.owner:
                yield twin, None
    for parent in index.parents(model.bundle):
        if parent.relation != Relation.EVALUATED_ON:
            yield index.find(parent.bundle or parent.uri), parent


def _place(
    ancestor: RegisteredModel | None, parent: KnownParent | None, child: Ingredient, *, party: str
) -> Ingredient:
    kind, past = child.kind, child.past
    if parent is not None and parent.relation == Relation.TRAINED_ON:
        kind, past = WorkKind.DATA, True
    elif parent is not None and parent.relation == Relation.DISTILLATION and kind is not WorkKind.DATA:
        kind = WorkKind.OUTPUTS
    if ancestor is None:
        name = "" if parent is None else parent.uri or str(parent.bundle)
        return Ingredient(name=name, license=None, kind=kind, past=past)
    return replace(_ingredient(ancestor, party=party, kind=kind), past=past)


def _ingredient(model: RegisteredModel, *, party: str, kind: WorkKind | None) -> Ingredient:
    terms = model.terms
    return Ingredient(
        name=model.name,
        license=resolve_license(model.license) if terms is None else Known(terms=terms),
        kind=kind,
        own=model.owner == party and not model.presumed,
    )
