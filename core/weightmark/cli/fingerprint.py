"""``weightmark fingerprint``."""

from pathlib import Path

import click

from weightmark.cli.output import fails_clearly, json_option, print_fields, print_json, progress_bar
from weightmark.discovery import Plugins
from weightmark.encoding import Algorithm, Json
from weightmark.fingerprinting import DigestCache, Fingerprint
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.reading import read_fingerprint, resolve


@click.command("fingerprint")
@click.argument("model")
@click.option(
    "--algorithm", type=click.Choice([algorithm.value for algorithm in Algorithm]), help="Hash function."
)
@click.option(
    "--threads", type=click.IntRange(1, 256), help="How many hash at once; else one more than cores, up to 8."
)
@click.option(
    "--cache",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the digests of unchanged files from here. Not for trust decisions.",
)
@json_option
@fails_clearly
def command(
    model: str, algorithm: str | None, threads: int | None, cache: Path | None, as_json: bool
) -> None:
    """Fingerprint MODEL: a path, or a URI such as models:/churn/3. Nothing is recorded.

    \b
    Example:
      weightmark fingerprint ./model
    """
    # No workspace: whoever only wants digests waits for no key, no ledger and none of their libraries.
    settings, plugins = Configuration.load(), Plugins(kinds=("format", "registry"))
    kept = None if cache is None else DigestCache(cache)
    with progress_bar("Hashing", shown=not as_json) as progress:
        found = read_fingerprint(
            resolve(model, plugins, settings.file),
            plugins,
            algorithm=settings.algorithm if algorithm is None else Algorithm(algorithm),
            threads=threads,
            progress=progress,
            cache=kept,
        )
    if as_json:
        print_json(describe(found))
        return
    files, tensors = found.manifest.files, found.manifest.tensors
    print_fields(
        {
            "bundle": found.bundle,
            "weights": found.weights or "no tensors found",
            "tensors": found.tensors,
            "architecture": found.architecture,
            "files": f"{len(files)}, {sum(file.size for file in files):,} bytes",
            "tensor count": len(tensors),
        }
    )


def describe(found: Fingerprint) -> dict[str, Json]:
    """Give a fingerprint in the words of ``--json``."""
    return {
        "algorithm": found.algorithm.value,
        "bundle": found.bundle,
        "weights": found.weights,
        "tensors": found.tensors,
        "architecture": found.architecture,
        "manifest": found.manifest.digest,
        "files": [{"path": file.path, "size": file.size, "root": file.root} for file in found.manifest.files],
        "tensor_count": len(found.manifest.tensors),
    }
