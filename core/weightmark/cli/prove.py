"""``weightmark prove``."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from weightmark.claims import ModelProof
from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import decode
from weightmark.errors import MalformedError
from weightmark.workspace import write_whole
from weightmark.workspace.proving import prove_bytes, prove_file, prove_tensor, prove_updated
from weightmark.workspace.reading import names_files

F = TypeVar("F", bound=Callable[..., object])


class Span(click.ParamType[tuple[int, int]]):
    """START:STOP, offsets in bytes."""

    name = "start:stop"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, tuple):
            return value
        start, _, stop = value.partition(":")
        if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
            self.fail(f"{value[:40]!r} is not START:STOP, such as 0:4096.", param, ctx)
        return int(start), int(stop)


def _common(function: F) -> F:
    for option in (
        json_option,
        click.option(
            "--output",
            "-o",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Write the proof here; else it is printed.",
        ),
        click.option("--model", required=True, metavar="MODEL", help="The registered model."),
    ):
        function = option(function)
    return function


@click.group("prove")
def command() -> None:
    """Show one thing of a registered model, with a proof, and nothing else of it.

    The proof is one JSON file with the model's registration in it. Whoever has a trust root checks it with
    `weightmark verify --proof FILE`, without the model.

    \b
    Example:
      weightmark prove tensor dense.weight --model churn -o proof.json
    """


@command.command("tensor")
@click.argument("name")
@_common
@fails_clearly
def tensor(name: str, model: str, output: Path | None, as_json: bool) -> None:
    """Prove that MODEL has the tensor NAME: its type, shape and root.

    \b
    Example:
      weightmark prove tensor dense.weight --model churn -o proof.json
    """
    with open_workspace() as workspace:
        proof = prove_tensor(workspace.resources, workspace.find(model), name)
    _write(proof, output, as_json=as_json)


@command.command("bytes")
@click.argument("name")
@click.argument("span", metavar="START:STOP", type=Span())
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the bytes that are proved, whole chunks of 16 MiB.",
)
@_common
@fails_clearly
def bytes_(
    name: str, span: tuple[int, int], data: Path | None, model: str, output: Path | None, as_json: bool
) -> None:
    """Prove that the tensor NAME has certain bytes from START to STOP; MODEL names its files.

    Whole chunks are proved, 16 MiB each: those that the bytes lie in.

    \b
    Example:
      weightmark prove bytes dense.weight 0:4096 --model ./churn -o proof.json
    """
    with open_workspace() as workspace:
        found = workspace.find(model)
        if not names_files(model):
            raise MalformedError(
                f"{model!r} is a registered model's name, and bytes are proved from its files",
                hint="Give the registered files: --model PATH.",
            )
        resolved = workspace.resolve(model)
        with _kept(data) as keep:
            proof = prove_bytes(workspace.resources, found, resolved, name, *span, keep=keep)
    _write(proof, output, as_json=as_json, data=data)


@contextmanager
def _kept(data: Path | None) -> Generator[Callable[[bytes], object] | None]:
    """Give what takes the bytes block by block; the file is there whole or as it was, the model's own too."""
    if data is None:
        yield None
        return
    begun = data.with_name(f".{data.name}.{os.getpid()}.part")
    try:
        with begun.open("xb") as stream:
            yield stream.write
        begun.replace(data)
    except BaseException:
        begun.unlink(missing_ok=True)
        raise


@command.command("file")
@click.argument("path")
@_common
@fails_clearly
def file(path: str, model: str, output: Path | None, as_json: bool) -> None:
    """Prove that MODEL has a file at PATH, relative to its folder: its size and root.

    \b
    Example:
      weightmark prove file config.json --model churn -o proof.json
    """
    with open_workspace() as workspace:
        proof = prove_file(workspace.resources, workspace.find(model), path)
    _write(proof, output, as_json=as_json)


@command.command("update")
@_common
@fails_clearly
def update(model: str, output: Path | None, as_json: bool) -> None:
    """Prove what the newest update of MODEL changed, and that it changed nothing else.

    \b
    Example:
      weightmark prove update --model churn -o proof.json
    """
    with open_workspace() as workspace:
        proof = prove_updated(workspace.resources, workspace.find(model))
    _write(proof, output, as_json=as_json)


def _write(proof: ModelProof, output: Path | None, *, as_json: bool, data: Path | None = None) -> None:
    encoded = proof.encode()
    written = [str(path) for path in (output, data) if path is not None]
    if output is not None:
        write_whole(output.absolute(), encoded, shared=True)
    if as_json:
        print_json({"kind": proof.kind, "proof": decode(encoded, what="the proof"), "written": list(written)})
    elif output is None:
        click.echo(encoded.decode())
    else:
        for path in written:
            good(f"{path} written.")
