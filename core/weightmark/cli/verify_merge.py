"""``weightmark verify-merge``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.output import (
    EXIT_VERIFICATION,
    bad,
    fails_clearly,
    good,
    json_option,
    print_fields,
    print_json,
    print_table,
    progress_bar,
)
from weightmark.discovery import Plugins
from weightmark.encoding import Json
from weightmark.errors import Failure
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.reading import open_tensors, resolve

if TYPE_CHECKING:
    from weightmark.similarity import ModelTensors
    from weightmark.similarity.merging import Explanation

SHOWN = 20


class _Names(click.Command):
    """Takes all that follows ``--parents``, up to the next option, as its values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``--parents A B`` as ``--parents A --parents B``."""
        spread: list[str] = []
        among = False
        for arg in args:
            if arg == "--parents":
                among = True
            elif arg.startswith("-"):
                among = False
                spread.append(arg)
            else:
                spread += ["--parents", arg] if among else [arg]
        return super().parse_args(ctx, spread)


def _read_weights(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text[:80]!r} must be numbers joined by commas, such as 0.5,0.5") from None


@click.command("verify-merge", cls=_Names)
@click.argument("child")
@click.option("--parents", multiple=True, required=True, metavar="MODEL…", help="What it may be merged from.")
@click.option("--base", metavar="MODEL", help="What the parents were made from.")
@click.option("--adapter", metavar="FOLDER", help="A LoRA adapter, as PEFT saves it, that may be folded in.")
@click.option(
    "--claim",
    type=click.Choice(
        ["copy", "lora", "linear", "slerp", "task-arithmetic", "passthrough", "by-tensor", "dare", "ties"]
    ),
    metavar="RECIPE",
    help="The recipe that is claimed; else any that holds.",
)
@click.option(
    "--weights",
    callback=_read_weights,
    metavar="W,W",
    help="The coefficients that are claimed, in the order of the parents; for slerp the place between them.",
)
@json_option
@fails_clearly
def command(
    child: str,
    parents: tuple[str, ...],
    base: str | None,
    adapter: str | None,
    claim: str | None,
    weights: list[float] | None,
    as_json: bool,
) -> None:
    """Check by which recipe CHILD was merged from its parents, and with which coefficients.

    It ends with 3 when no recipe explains the child, or when the one that is claimed does not. Recipes: copy,
    lora, linear, slerp, task-arithmetic, passthrough, by-tensor, dare, ties.

    \b
    Example:
      weightmark verify-merge ./child --parents ./a ./b --base ./base
      weightmark verify-merge ./c --parents ./a ./b --claim linear --weights .5,.5
    """
    if weights is not None and claim is None:
        raise click.UsageError("--weights needs --claim: say of which recipe they are.")
    from weightmark.similarity.adapter import Adapter
    from weightmark.similarity.merging import Merge
    from weightmark.similarity.products import Family

    names = list(dict.fromkeys(parents))
    settings, plugins = Configuration.load(), Plugins(kinds=("format", "registry"))

    def opened(uri: str) -> "ModelTensors":
        return open_tensors(resolve(uri, plugins, settings.file), plugins)

    family = Family(
        child=opened(child),
        parents={name: opened(name) for name in names},
        base=None if base is None else opened(base),
        adapter=None if adapter is None else Adapter(opened(adapter)),
    )
    with progress_bar("Reading", shown=not as_json) as progress:
        merge = Merge(family, progress=progress)
    failures: list[Failure] = []
    if claim is None:
        found = merge.explain()
    else:
        try:
            found, failures = merge.judge(claim, weights)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from error
    held = found.holds and not failures
    if as_json:
        print_json({"ok": held, "child": child, "claim": claim, **describe(found, failures, held=held)})
    else:
        show(Path(child).name, found, failures, held=held)
    if not held:
        sys.exit(EXIT_VERIFICATION)


def describe(found: "Explanation", failures: list[Failure], *, held: bool) -> dict[str, Json]:
    """Give an explanation in the words of ``--json``."""
    coefficients: list[Json] = [
        {"model": each.name, "value": each.value, "error": each.error, "contributes": each.contributes}
        for each in found.coefficients
    ]
    tensors: list[Json] = [
        {
            "name": each.name,
            "fits": each.fits,
            "residual": each.residual,
            "weights": dict(each.weights) or None,
        }
        for each in found.tensors
    ]
    return {
        "recipe": found.recipe if held else None,
        "nearest": found.recipe,
        "also": list(found.also),
        "coefficients": coefficients,
        "parameters": dict(found.parameters),
        "explained": found.explained,
        "tensors": tensors,
        "left_out": [{"name": name, "reason": reason} for name, reason in found.left_out.items()],
        "failures": [{"tensor": failure.tensor, "reason": failure.reason} for failure in failures],
    }


def show(name: str, found: "Explanation", failures: list[Failure], *, held: bool) -> None:
    """Write an explanation for a person."""
    if held:
        good(f"{found.recipe} explains {name}: every tensor, within the rounding of its numbers.")
    elif failures:
        bad(f"{found.recipe} does not explain {name}.")
    else:
        bad(f"No recipe explains {name}; {found.recipe} comes nearest.")
    rows = [
        [
            each.name,
            f"{each.value:.4f}",
            "not told by the numbers" if each.error is None else f"± {each.error:.1g}",
            "" if each.contributes else "does not contribute",
        ]
        for each in found.coefficients
    ]
    print_table(("model", "coefficient", "", ""), rows)
    off = [each for each in found.tensors if not each.fits]
    if off:
        off.sort(key=lambda each: each.residual, reverse=True)
        print_table(
            ("tensor that does not fit", "left"),
            [[each.name, f"{each.residual:.2%}"] for each in off[:SHOWN]],
        )
    if found.recipe == "passthrough" and held:
        rows = [[each.name, max(each.weights, key=lambda at: each.weights[at])] for each in found.tensors]
        print_table(("tensor", "from"), rows[:SHOWN])
    for failure in [failure for failure in failures if not failure.tensor]:
        click.echo(f"  {failure.reason}")
    for tensor, reason in list(found.left_out.items())[:SHOWN]:
        click.echo(f"  {tensor} was left out: {reason}")
    print_fields(
        {
            "explained": f"{found.explained:.4%} of the distance",
            "tensors": f"{len(found.tensors) - len(off)} fit, {len(off)} do not",
            "also": ", ".join(found.also) or None,
            **{key: f"{value:.4f}" for key, value in found.parameters.items()},
        }
    )
