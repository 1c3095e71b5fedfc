"""``weightmark fingerprint``."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from weightmark.cli.output import fails_clearly, json_option, print_fields, print_json, progress_bar
from weightmark.discovery import Plugins
from weightmark.encoding import Algorithm, Json, parse_digest, printable
from weightmark.fingerprinting import DigestCache, Fingerprint
from weightmark.workspace.configuration import Configuration
from weightmark.workspace.reading import Progress, is_path, read_fingerprint, resolve

NAMED: Final = 20
"""Changes that are named to a person."""


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
@click.option(
    "--since",
    metavar="MODEL",
    help="Also say what changed since this registered model: a receipt, a digest or a name.",
)
@json_option
@fails_clearly
def command(
    model: str,
    algorithm: str | None,
    threads: int | None,
    cache: Path | None,
    since: str | None,
    as_json: bool,
) -> None:
    """Fingerprint MODEL: a path, or a URI such as models:/churn/3. Nothing is recorded.

    \b
    Example:
      weightmark fingerprint ./model
      weightmark fingerprint ./model --since churn
    """
    if since is not None and algorithm is not None:
        raise click.UsageError("--since takes the earlier model's hash function; leave --algorithm out.")
    kept = None if cache is None else DigestCache(cache)
    with progress_bar("Hashing", shown=not as_json) as progress:
        if since is None:
            named = None if algorithm is None else Algorithm(algorithm)
            found, changed = _read(model, named, threads, progress, kept), None
        else:
            found, changed = _compare(model, since, threads, progress, kept)
    if as_json:
        print_json(describe(found) | ({} if changed is None else {"since": changed}))
        return
    _show(found, changed)


def _read(
    model: str,
    algorithm: Algorithm | None,
    threads: int | None,
    progress: Progress | None,
    cache: DigestCache | None,
) -> Fingerprint:
    """Read a model without a workspace: who only wants digests waits for no key, no ledger, no platform."""
    settings, plugins = Configuration.load(), Plugins(kinds=_kinds(model))
    return read_fingerprint(
        resolve(model, plugins, settings.file),
        plugins,
        algorithm=algorithm or settings.algorithm,
        threads=threads,
        progress=progress,
        cache=cache,
    )


def _kinds(model: str) -> Collection[str]:
    """Name the plugins that are needed: to read a path no platform is."""
    return ("format", "registry-file") if is_path(model) else ("format", "registry")


def _compare(
    model: str, since: str, threads: int | None, progress: Progress | None, cache: DigestCache | None
) -> tuple[Fingerprint, Mapping[str, Json]]:
    from weightmark.cli.option import open_workspace
    from weightmark.workspace.updating import compare_since, find_earlier

    with open_workspace() as workspace:
        earlier = find_earlier(workspace, since)
        algorithm = parse_digest(earlier.bundle)[0]
        found = workspace.fingerprint(
            model, algorithm=algorithm, threads=threads, progress=progress, cache=cache
        )
        return found, compare_since(workspace.resources, earlier, found).to_json()


def _show(found: Fingerprint, changed: Mapping[str, Json] | None) -> None:
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
    if changed is None:
        return
    print_fields(
        {"since": f"{changed['name']} ({changed['bundle']}): {changed['kept']} tensors as they were"}
    )
    named = [(kind, str(name)) for kind in ("changed", "added", "removed") for name in _names(changed[kind])]
    for kind, name in named[:NAMED]:
        click.echo(f"  {kind}: {printable(name)}")
    if len(named) > NAMED:
        click.echo(f"  and {len(named) - NAMED} more; --json names all.")


def _names(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


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
