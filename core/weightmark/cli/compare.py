"""``weightmark compare``."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import fmean

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_json, print_table, progress_bar
from weightmark.encoding import Json
from weightmark.similarity.comparison import Comparison, Verdict
from weightmark.similarity.pairing import Pair

_SMALLEST = 1e-9
_SHOWN = 12
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""The samples that are multiplied are small: more threads than one cost more than they save."""


@click.command("compare")
@click.argument("first")
@click.argument("second")
@click.option(
    "--deep", is_flag=True, help="Try other bases and other orders of units, however long it takes."
)
@click.option(
    "--parent",
    "parents",
    multiple=True,
    metavar="MODEL",
    help="Another model that SECOND may be merged from.",
)
@click.option("--quick", is_flag=True, help="The verdict alone, and not what was likely done.")
@json_option
@fails_clearly
def command(
    first: str, second: str, deep: bool, parents: tuple[str, ...], quick: bool, as_json: bool
) -> None:
    """Say whether SECOND has anything of FIRST: all of it, some layers, a share in a merge, or nothing.

    Both are paths, or URIs such as models:/churn/3. Nothing is recorded. An answer of either kind ends with
    0.

    \b
    Example:
      weightmark compare ./ours ./theirs
      weightmark compare ./ours ./theirs --parent ./other --json
    """
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    workspace = open_workspace()
    try:
        with progress_bar("Comparing", shown=not as_json) as progress:
            found = workspace.compare(
                first, second, parents=parents, deep=deep, quick=quick, progress=progress
            )
    finally:
        workspace.close()
    if as_json:
        print_json(describe(found))
        return
    click.echo(f"{headline(found, first, second)} {_chance(found)}")
    _show(found)


def headline(found: Comparison, first: str, second: str) -> str:
    """Say the verdict in a sentence."""
    if found.verdict is Verdict.MERGED:
        shares = ", ".join(f"{parent.model} ({parent.weight:.0%})" for parent in found.parents)
        return f"merged: {second} was merged from {shares}."
    return {
        Verdict.IDENTICAL: f"identical: {first} and {second} are the same files.",
        Verdict.REPACKAGED: f"repackaged: {second} has the same weights as {first}, packed otherwise.",
        Verdict.DERIVED: f"derived: {first} and {second} have a common origin.",
        Verdict.PARTIAL: f"partial: some of the weights of {first} are in {second}.",
        Verdict.NONE: f"no evidence that {second} has anything of the weights of {first}.",
    }[found.verdict]


def _chance(found: Comparison) -> str:
    if found.method == "bytes":
        return "(Equal bytes.)"
    less = "p < 1e-9" if found.p_value <= _SMALLEST else f"p = {found.p_value:.2g}"
    bound = (
        ""
        if found.log10_bound > -1
        else f"; at most 1e{math.ceil(found.log10_bound)} for any number of units"
    )
    return f"({less}{bound}.)"


def _show(found: Comparison) -> None:
    if found.layers and any(layer is not None for layer in found.layers):
        print_table(("layer of the first", "layer of the second", "z", "cosine", "tensors"), _rows(found))
    elif found.pairs:
        rows = [
            (pair.first, pair.second, f"{pair.z:.0f}", f"{pair.cosine:.3f}") for pair in found.pairs[:_SHOWN]
        ]
        print_table(("first", "second", "z", "cosine"), rows)
    click.echo(f"tensors: {_count(found)}")
    changed = Counter(pair.transform.name for pair in found.pairs if pair.transform.name)
    for name, count in changed.items():
        click.echo(f"  {name}: {count}")
    for line in _operations(found):
        click.echo(f"likely: {line}.")
    if found.order:
        click.echo(f"order: {found.order}.")
    for title, lines in (("note", found.notes), ("assumed", found.assumptions)):
        for line in lines:
            click.echo(f"{title}: {line}.")


def _count(found: Comparison) -> str:
    if found.method == "bytes":
        return f"{found.compared} of {found.of} are equal."
    equal = sum(pair.equal for pair in found.pairs)
    return f"{len(found.pairs)} alike, {equal} of them equal; {found.compared} compared, of {found.of}."


def _operations(found: Comparison) -> list[str]:
    """Write what was likely done, the most common first."""
    operations: Json = () if found.forensics is None else found.forensics["operations"]
    lines: list[str] = []
    for each in operations if isinstance(operations, list) else ():
        if isinstance(each, dict) and isinstance(share := each["share"], float):
            detail = f" ({each['detail']})" if each["detail"] else ""
            lines.append(f"{each['operation']}{detail}, {share:.0%} of what was compared")
    return lines


def _rows(found: Comparison) -> list[tuple[str, ...]]:
    by_layer: dict[int | None, list[Pair]] = defaultdict(list)
    for pair in found.pairs:
        by_layer[pair.layer_second].append(pair)
    rows: list[tuple[str, ...]] = []
    if by_layer[None]:
        rows.append(("outside", "outside", *_figures(by_layer[None])))
    for layer, origin in enumerate(found.layers):
        own = [pair for pair in by_layer[layer] if pair.layer_first == origin]
        if origin is None or not own:
            rows.append(("-", str(layer), "", "", "0"))
        else:
            rows.append((str(origin), str(layer), *_figures(own)))
    return rows


def _figures(pairs: Sequence[Pair]) -> tuple[str, str, str]:
    return (
        f"{max(pair.z for pair in pairs):.0f}",
        f"{fmean(pair.cosine for pair in pairs):.3f}",
        str(len(pairs)),
    )


def describe(found: Comparison) -> dict[str, Json]:
    """Give a comparison in the words of ``--json``."""
    return {
        "verdict": found.verdict.value,
        "p_value": found.p_value,
        "log10_bound": round(found.log10_bound, 3),
        "method": found.method,
        "z": _finite(found.z),
        "parents": [
            {
                "model": parent.model,
                "weight": round(parent.weight, 4),
                "z": _finite(parent.z),
                "tensors": parent.tensors,
            }
            for parent in found.parents
        ],
        "layers": list(found.layers),
        "tensors": [_tensor(pair) for pair in found.pairs],
        "compared": found.compared,
        "of": found.of,
        "forensics": None if found.forensics is None else dict(found.forensics),
        "order": found.order,
        "assumptions": list(found.assumptions),
        "notes": list(found.notes),
    }


def _tensor(pair: Pair) -> Json:
    return {
        "first": pair.first,
        "second": pair.second,
        "z": _finite(pair.z),
        "cosine": round(pair.cosine, 6),
        "layer_first": pair.layer_first,
        "layer_second": pair.layer_second,
        "equal": pair.equal,
        "transform": pair.transform.name,
    }


def _finite(value: float) -> float:
    """JSON has no infinity."""
    return round(min(value, 1e9), 3)
