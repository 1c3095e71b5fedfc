"""``weightmark open``."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import (
    EXIT_REFUSED,
    EXIT_UNDECIDED,
    bad,
    fails_clearly,
    good,
    json_option,
    print_fields,
    print_json,
    progress_bar,
)
from weightmark.encoding import Json, printable
from weightmark.errors import LicensingError
from weightmark.licensing import Capability, Decision, Outcome, Tier

if TYPE_CHECKING:
    from weightmark.workspace import Architecture, Loader, ModelMetadata

SHOWN = 20
"""Tensors that a person is shown; ``--json`` names 10,000."""


@click.command("open")
@click.argument("model")
@click.option(
    "--as",
    "tier",
    type=click.Choice([tier.value for tier in Tier]),
    required=True,
    metavar="TIER",
    help=f"No more than this is given: {', '.join(Tier)}.",
)
@click.option("--party", default="", metavar="NAME", help="Who opens it; else your own party.")
@click.option("--purpose", default="", metavar="NAME", help="What it is for, as grants name it.")
@click.option("--expect", default="", metavar="MODEL", help="What it should be: a name, a URI, a digest.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the files here, with licence, attribution and receipt.",
)
@click.option(
    "--input",
    "inputs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run the model once on these arrays: .npz, or .npy for one input.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to: .npz."
)
@click.option("--trust-code", is_flag=True, help="Let code that comes with the model be executed to run it.")
@click.option(
    "--timeout", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True, help="Seconds of a run."
)
@json_option
@fails_clearly
def command(
    model: str,
    tier: str,
    party: str,
    purpose: str,
    expect: str,
    out: Path | None,
    inputs: Path | None,
    output: Path | None,
    trust_code: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Open MODEL as a tier: what licence and grants allow, and no more than the tier holds.

    Shows what the tier gives. Files are written with --out, which takes a tier with download-weights; with
    --input the model is run in a process of its own, which takes a tier with infer.

    Exits with 4 when something that the tier holds is refused, 5 when that cannot be known.

    \b
    Example:
      weightmark open ./model --as read-only
      weightmark open ./model --as inference --input x.npz --output y.npz
      weightmark open ./model --as fine-tune --out ./copy
    """
    if (inputs is None) != (output is None):
        raise click.UsageError("--input and --output belong together.")
    with (
        progress_bar("Reading", shown=not as_json) as progress,
        open_workspace() as workspace,
        workspace.open_model(
            model, tier=tier, party=party, purpose=purpose, expect=expect, progress=progress
        ) as loader,
    ):
        decisions = _survey(loader)
        metadata = loader.metadata() if decisions[Capability.VIEW_METADATA].allowed else None
        seen = decisions.get(Capability.VIEW_ARCHITECTURE)
        architecture = loader.architecture() if seen is not None and seen.allowed else None
        written = () if out is None else loader.save(out)
        answered = None
        if inputs is not None and output is not None:
            answered = _run(loader, inputs, output, trust_code=trust_code, timeout=timeout)
    if as_json:
        shown: dict[str, Json] = {
            "metadata": None if metadata is None else metadata.to_json(),
            "architecture": None if architecture is None else architecture.to_json(),
            "written": [str(path) for path in written],
            "outputs": answered,
        }
        print_json({"uri": model, **_describe(loader, decisions), **shown})
    else:
        _show(loader, decisions, metadata, architecture)
        for path in written:
            good(f"wrote {path}")
        if answered is not None:
            good(f"wrote {output}: {', '.join(map(printable, answered))}")
    sys.exit(_exit_code(decisions))


def _survey(loader: "Loader") -> dict[Capability, Decision]:
    """Ask for everything that the tier holds and opening has something for; observers are told."""
    from weightmark.workspace.opening.loader import SERVED

    found: dict[Capability, Decision] = {}
    for capability in SERVED:
        if capability in loader.tier.capabilities:
            found[capability] = loader.ask(capability)
            if not found[capability].allowed:
                with suppress(LicensingError):
                    loader.require(capability)
    return found


def _describe(loader: "Loader", decisions: Mapping[Capability, Decision]) -> dict[str, Json]:
    return {
        "tier": loader.tier.value,
        "party": loader.party,
        "capabilities": {name.value: answer.to_json() for name, answer in decisions.items()},
    }


def _run(
    loader: "Loader", inputs: Path, output: Path, *, trust_code: bool, timeout: float
) -> dict[str, Json]:
    from weightmark.workspace import read_bounded, write_whole
    from weightmark.workspace.opening.arrays import MOST_BYTES, pack_arrays, unpack_arrays

    given = unpack_arrays(read_bounded(inputs, 2 * MOST_BYTES), what=str(inputs))
    answer = loader.infer(given, trust_code=trust_code, timeout=timeout)
    write_whole(output, pack_arrays(answer), shared=True)
    return {
        name: {"dtype": str(array.dtype), "shape": [int(length) for length in array.shape]}
        for name, array in answer.items()
    }


def _show(
    loader: "Loader",
    decisions: Mapping[Capability, Decision],
    metadata: "ModelMetadata | None",
    architecture: "Architecture | None",
) -> None:
    for capability, decision in decisions.items():
        said = f"{loader.party}: {capability.value} ({decision.code.value})"
        (good if decision.allowed else bad)(printable(said))
        if not decision.allowed:
            for reason in decision.reasons[:3]:
                click.echo(printable(f"  {reason.message} {reason.hint}".rstrip()))
    if metadata is not None:
        print_fields(
            {
                "name": printable(metadata.name),
                "owner": printable(metadata.owner) + (" (presumed)" if metadata.presumed else ""),
                "licence": printable(metadata.license or "none stated"),
                "bundle": metadata.bundle,
                "weights": metadata.weights or "no tensors found",
                "receipt": metadata.receipt,
                "credits": printable(metadata.credits),
                "card": f"{len(metadata.card)} characters" if metadata.card else None,
            }
        )
    if architecture is not None:
        _show_architecture(architecture)


def _show_architecture(architecture: "Architecture") -> None:
    tensors = architecture.tensors
    print_fields(
        {
            "architecture": architecture.digest or "none known",
            "tensors": f"{len(tensors)}, {architecture.parameters:,} elements",
        }
    )
    for name, value in list((architecture.configuration or {}).items())[:SHOWN]:
        click.echo(printable(f"  {name} = {value}")[:200])
    for tensor in tensors[:SHOWN]:
        click.echo(printable(f"  {tensor.name}  {tensor.dtype}  {list(tensor.shape)}")[:200])
    if len(tensors) > SHOWN:
        click.echo(f"  and {len(tensors) - SHOWN} more; --json names them.")


def _exit_code(decisions: Mapping[Capability, Decision]) -> int:
    outcomes = {decision.outcome for decision in decisions.values()}
    if Outcome.REFUSED in outcomes:
        return EXIT_REFUSED
    return EXIT_UNDECIDED if Outcome.UNDECIDED in outcomes else 0
