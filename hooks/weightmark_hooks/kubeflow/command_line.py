"""The commands of ``weightmark kfp``; read only when one is called."""

import sys
from pathlib import Path

import click

from weightmark.cli.output import bad, fails_clearly, good, json_option, print_json
from weightmark.encoding import Json
from weightmark.errors import LicensingError, MalformedError
from weightmark_hooks.kubeflow.component import IMAGE
from weightmark_hooks.kubeflow.lint import lint as follow_models
from weightmark_hooks.kubeflow.pipeline import MAX_BYTES, Pipeline


@click.group("kfp")
def group() -> None:
    """Check and compile Kubeflow pipelines.

    \b
    Example:
      weightmark kfp lint pipeline.yaml
    """  # noqa: D301 - click's mark


@group.command("lint")
@click.argument("pipeline", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="TASK",
    help="A task that may read a model before it has passed, such as one that evaluates it; can be repeated.",
)
@json_option
@fails_clearly
def lint(pipeline: Path, allowed: tuple[str, ...], *, as_json: bool) -> None:
    """Check that whatever takes a model in the compiled PIPELINE takes it from a licence gate.

    Exits with 4 when something does not.

    \b
    Example:
      weightmark kfp lint pipeline.yaml --allow evaluate
    """  # noqa: D301 - click's mark
    with pipeline.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    found = follow_models(Pipeline(data, what=str(pipeline)), allowed=allowed)
    if as_json:
        findings: list[Json] = [finding.to_json() for finding in found.findings]
        print_json({"ok": not findings, "findings": findings, "gates": list(found.gates), "uses": found.uses})
    elif not found.findings:
        good(
            f"{pipeline}: {found.uses} tasks take a model, {len(found.gates)} of them gates; none gets past."
        )
    for finding in () if as_json else found.findings:
        bad(finding.message)
        click.echo(f"  {click.style('hint:', fg='cyan')} {finding.hint}")
    sys.exit(LicensingError.exit_code if found.findings else 0)


@group.command("components")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the files go.",
)
@click.option("--image", default="", metavar="NAME", help=f"The image they run in; else what {IMAGE} names.")
@json_option
@fails_clearly
def components(out: Path, image: str, *, as_json: bool) -> None:
    """Compile Weightmark's components and its demonstration pipeline into YAML files.

    \b
    Example:
      weightmark kfp components --out components --image example.org/wm-python:1
    """  # noqa: D301 - click's mark
    from weightmark_hooks.kubeflow.shipping import compile_all

    if image and any(character.isspace() for character in image):
        raise MalformedError(f"{image!r} is not the name of an image", hint="Write registry/name:tag.")
    files = compile_all(out, image)
    if as_json:
        print_json({"ok": True, "files": [str(file) for file in files]})
        return
    for file in files:
        good(str(file))
