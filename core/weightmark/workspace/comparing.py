"""Two models compared by their references, and put in order by the ledger's timestamps.

Not promised: an order for models that are not both registered. The numbers themselves have none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from weightmark.discovery import Plugins
from weightmark.encoding import format_time
from weightmark.errors import NotEntitledError
from weightmark.index import RegisteredModel
from weightmark.ports import ResolvedModel
from weightmark.similarity.comparison import Comparison, Verdict
from weightmark.workspace.reading import Progress, open_tensors

Find = Callable[[str], RegisteredModel]


def compare_models(  # noqa: PLR0913 - what is compared, and how
    plugins: Plugins,
    first: tuple[str, ResolvedModel],
    second: tuple[str, ResolvedModel],
    *,
    parents: Sequence[tuple[str, ResolvedModel]] = (),
    deep: bool = False,
    progress: Progress | None = None,
    quick: bool = False,
    find: Find | None = None,
) -> Comparison:
    """Compare two models.

    Args:
        plugins: which formats are known.
        first: the first model, as it was named and where it lies.
        second: the second model, which may be derived from the first.
        parents: other models that the second may be merged from.
        deep: try other bases and other orders of units, however large the models are.
        quick: give the verdict alone, and leave out what was likely done.
        progress: told the bytes done and the bytes in all.
        find: finds a registered model by its reference; None to say nothing about time.

    Raises:
        MalformedError: a model's files are damaged, or change while they are read.
        MissingExtraError: a library is missing that was asked for, or that a tensor's type needs.
    """
    from weightmark.similarity.comparing import Side, compare_tensors
    from weightmark.similarity.forensics import examine

    sides = [
        Side(model=name, tensors=open_tensors(resolved, plugins))
        for name, resolved in (first, second, *parents)
    ]
    found = compare_tensors(sides[0], sides[1], parents=sides[2:], deep=deep, progress=progress)
    if not found.related:
        return found
    if not quick and found.verdict is not Verdict.IDENTICAL:
        named = {side.model: side.tensors for side in (sides[0], *sides[2:])}
        looked = examine(
            sides[0].tensors, sides[1].tensors, found.pairs, parents=named if sides[2:] else None
        )
        found = replace(found, forensics=looked.to_json())
    if find is None:
        return found
    return replace(found, order=_order(find, first[0], second[0]))


def _order(find: Find, first: str, second: str) -> str:
    """Say which of two registered models was registered first."""
    try:
        one, other = find(first), find(second)
    except NotEntitledError:
        return ""
    if one.bundle == other.bundle:
        return ""
    names = (first, second) if one.registered_at <= other.registered_at else (second, first)
    early, late = sorted((one, other), key=lambda model: model.registered_at)
    return (
        f"{names[0]} was registered by {early.owner} at {format_time(early.registered_at)}, before {names[1]}"
        f" by {late.owner} at {format_time(late.registered_at)}"
    )
