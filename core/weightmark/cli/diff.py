"""``weightmark diff``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.option import Moment
from weightmark.cli.output import (
    fails_clearly,
    json_option,
    print_fields,
    print_json,
    print_table,
    progress_bar,
)
from weightmark.discovery import Plugins
from weightmark.encoding import Json
from weightmark.similarity.changelog import say_measure, say_value, write_entry
from weightmark.similarity.semantic import Proposal, Version, propose
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.reading import open_tensors, resolve

if TYPE_CHECKING:
    from weightmark.similarity.difference import ModelDifference, TensorDifference
    from weightmark.similarity.measure import Measure

SHOWN = 40
"""Tensors in the table; --json gives all."""


@click.command("diff")
@click.argument("first")
@click.argument("second")
@click.option(
    "--from", "from_", metavar="VERSION", help="FIRST's version, such as 1.4.2: say which comes next."
)
@click.option("--changelog", is_flag=True, help="Print an entry for a changelog, in Markdown, instead.")
@click.option("--date", type=Moment(), help="The entry's day; else today, UTC.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw a heat map of layers and roles: FILE.png or FILE.svg.",
)
@json_option
@fails_clearly
def command(
    first: str,
    second: str,
    from_: str | None,
    changelog: bool,
    date: datetime | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Say what changed from FIRST to SECOND: configuration, files, tensors and by how much.

    Each is a path, or a URI such as models:/churn/3. Nothing is recorded.

    \b
    Example:
      weightmark diff models:/churn/3 models:/churn/4 --from 1.4.2
    """
    from weightmark.similarity.difference import diff_models

    if picture is not None and picture.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--picture {picture} must end in .png or .svg.")
    version = None if from_ is None else Version.parse(from_)
    settings, plugins = Configuration.load(), Plugins(kinds=("format", "registry"))
    models = [open_tensors(resolve(uri, plugins, settings.file), plugins) for uri in (first, second)]
    with progress_bar("Comparing", shown=not as_json) as progress:
        found = diff_models(*models, progress=progress)
    if picture is not None:
        from weightmark.similarity.picture import draw_difference

        draw_difference(found, picture, title=f"{first} to {second}")
    proposal = propose(found)
    entry = write_entry(found, proposal, version, date or datetime.now(UTC))
    if as_json:
        told = describe(found, proposal, version)
        print_json({"first": first, "second": second, **told, "changelog": entry if changelog else None})
    elif changelog:
        click.echo(entry, nl=False)
    else:
        show(found, proposal, version)


def describe(found: "ModelDifference", proposal: Proposal, version: Version | None) -> dict[str, Json]:
    """Give a difference in the words of ``--json``."""
    reasons: list[Json] = [{"level": reason.level.word, "text": reason.text} for reason in proposal.reasons]
    return {
        "identical": found.is_empty,
        "config": [{"key": key.key, "before": key.before, "after": key.after} for key in found.config],
        "files": [{"path": path, "change": change.value} for path, change in found.files.items()],
        "tensors": [_describe_tensor(tensor) for tensor in found.tensors],
        "equal_tensors": len(found.equal),
        "layers": [{"layer": layer, **_describe_measure(sums)} for layer, sums in found.layers.items()],
        "total": _describe_measure(found.total),
        "version": {
            "level": proposal.level.word,
            "from": None if version is None else str(version),
            "next": None if version is None else str(version.raised(proposal.level)),
            "reasons": reasons,
        },
    }


def _describe_tensor(tensor: "TensorDifference") -> dict[str, Json]:
    before, after = tensor.shapes
    measured = {} if tensor.measure is None else _describe_measure(tensor.measure)
    return {
        "name": tensor.name,
        "change": tensor.change.value,
        "layer": tensor.layer,
        "role": tensor.role,
        "renamed_from": tensor.renamed_from or None,
        "before": None if before is None else {"dtype": tensor.dtypes[0], "shape": before},
        "after": None if after is None else {"dtype": tensor.dtypes[1], "shape": after},
        "relative_norm": None,
        "cosine": None,
        "changed": None,
        "elements": None,
        "not_finite": None,
        **measured,
    }


def _describe_measure(measure: "Measure") -> dict[str, Json]:
    return {
        "relative_norm": measure.relative_norm,
        "cosine": measure.cosine,
        "changed": measure.changed,
        "elements": measure.elements,
        "not_finite": measure.strange,
    }


def show(found: "ModelDifference", proposal: Proposal, version: Version | None) -> None:
    """Write a difference for a person."""
    if found.is_empty:
        click.echo("Nothing differs.")
    if found.config:
        rows = [[key.key, say_value(key.before), say_value(key.after)] for key in found.config]
        print_table(("config.json", "before", "after"), rows)
    if found.files:
        print_table(("file", ""), [[path, change.value] for path, change in found.files.items()])
    if found.tensors:
        ordered = sorted(found.tensors, key=_weight, reverse=True)
        rows = [_row(tensor) for tensor in ordered[:SHOWN]]
        print_table(("tensor", "", "shape", "type", "relative norm", "cosine", "changed"), rows)
        if len(ordered) > SHOWN:
            click.echo(f"… and {len(ordered) - SHOWN} more; --json gives all.")
    if found.total.moved and len(found.layers) > 1:
        rows = [["-" if at is None else str(at), *say_measure(sums)] for at, sums in found.layers.items()]
        print_table(("layer", "relative norm", "cosine", "changed"), rows)
    said = "; ".join(reason.text for reason in proposal.reasons[:3])
    print_fields(
        {
            "tensors": f"{len(found.tensors)} differ, {len(found.equal)} are equal",
            "version": proposal.level.word + (f": {said}" if said else ""),
            "next": None if version is None else f"{version} -> {version.raised(proposal.level)}",
        }
    )


def _row(tensor: "TensorDifference") -> list[str]:
    before, after = tensor.shapes
    shape = "x".join(map(str, after or before or ()))
    if tensor.change == "reshaped":
        shape = f"{'x'.join(map(str, before or ()))} -> {shape}"
    old, new = tensor.dtypes
    kind = new or old if old == new or not (old and new) else f"{old} -> {new}"
    name = f"{tensor.renamed_from} -> {tensor.name}" if tensor.renamed_from else tensor.name
    numbers = ["", "", ""] if tensor.measure is None else say_measure(tensor.measure)
    return [name, tensor.change.value, shape, kind, *numbers]


def _weight(tensor: "TensorDifference") -> float:
    if tensor.measure is None:
        return float("inf")
    norm = tensor.measure.relative_norm
    return float("inf") if norm is None else norm
