"""``weightmark wandb check``."""

import sys
from pathlib import Path

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import EXIT_REFUSED, bad, fails_clearly, good, json_option, print_json
from weightmark_hooks.wandb import offline


@click.group("wandb")
def group() -> None:
    """Work with runs of Weights & Biases.

    \b
    Example:
      weightmark wandb check wandb
    """  # noqa: D301  \b is click's mark


@group.command("check")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@json_option
@fails_clearly
def check(runs: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001  a command's options are its arguments
    """Check the models of offline runs before `wandb sync` sends them.

    RUNS are folders of runs, or the folder with many. A model must be what was logged and pass the gate
    `log`; one that nobody registered yet is registered. Exits with 4 when one is refused.

    \b
    Example:
      weightmark wandb check wandb/offline-run-20261122_111350-kublu1t8
    """  # noqa: D301  \b is click's mark
    with open_workspace() as workspace:
        findings = [found for run in runs for found in offline.check(run, workspace)]
    if as_json:
        models = [{"name": one.artifact.name, "refusal": one.refusal} for one in findings]
        print_json({"models": models, "allowed": not any(one.refusal for one in findings)})
    else:
        for one in findings:
            (bad if one.refusal else good)(f"{one.artifact.name}  {one.refusal or 'may be sent.'}")
        if not findings:
            good("The runs hold no models.")
    sys.exit(EXIT_REFUSED if any(one.refusal for one in findings) else 0)
