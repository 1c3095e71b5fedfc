"""``weightmark register``."""

from pathlib import Path

import click

from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import (
    bad,
    fails_clearly,
    good,
    json_option,
    print_fields,
    print_json,
    progress_bar,
)
from weightmark.licensing import parse_license
from weightmark.workspace import Workspace, bundle_of, manifest_of, write_whole
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.updating import Updated, find_earlier, record_update, require_updatable

MANIFEST_SUFFIX = ".manifest.json"


@click.command("register")
@click.argument("model")
@click.option("--name", metavar="NAME", help="What to call it; else the folder's or the platform's name.")
@click.option(
    "--version", metavar="VERSION", help="Its version; else the platform's, or the fingerprint's beginning."
)
@click.option(
    "--license", "license_", metavar="LICENCE", help="Its licence: an SPDX expression, such as apache-2.0."
)
@click.option("--mine", is_flag=True, help="Say that you own it, so that its licence does not bind you.")
@click.option(
    "--base", "bases", multiple=True, metavar="MODEL", help="What it was derived from; may be repeated."
)
@click.option(
    "--since",
    metavar="MODEL",
    help="The registered model that this one updates: a receipt, a digest or a name.",
)
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what a stranger needs to verify it: FILE and FILE.manifest.json.",
)
@speaker_options
@json_option
@fails_clearly
def command(
    model: str,
    name: str | None,
    version: str | None,
    license_: str | None,
    mine: bool,
    bases: tuple[str, ...],
    since: str | None,
    bundle: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Fingerprint MODEL, sign the fact and record it in the ledger.

    MODEL is a path, or a URI such as models:/churn/3. The same files are recorded once.
    Without --mine, or --as, a licence that is stated binds you like anybody else: it may be another's model.

    \b
    Example:
      weightmark register ./model --license apache-2.0 --mine
    """
    if license_ is not None:
        license_ = parse_license(license_).text
    with open_workspace(party=party, key=key) as workspace:
        earlier = None if since is None else find_earlier(workspace, since)
        if earlier is not None:
            require_updatable(workspace, earlier)
            bases = tuple(dict.fromkeys((*bases, earlier.bundle)))
        with progress_bar("Hashing", shown=not as_json) as progress:
            outcome = workspace.register(
                model,
                name=name or "",
                version=version or "",
                license_=license_,
                mine=mine or party is not None,
                bases=bases,
                progress=progress,
            )
        written = [] if bundle is None else write_bundle(workspace, outcome, bundle)
        update = None
        if earlier is not None and outcome.model is not None:
            update = record_update(workspace.resources, earlier, outcome.model, workspace.clock)
    _show(outcome, written, update, as_json=as_json)
    _tell_of_licence(outcome, model, license_)
    outcome.decision.require()


def _tell_of_licence(outcome: Outcome, model: str, wanted: str | None) -> None:
    """Say so when the licence that was asked for is not the one that is recorded."""
    if wanted is None or outcome.model is None or outcome.model.license == wanted:
        return
    stands = outcome.model.license or "no licence"
    click.echo(
        f"hint:  It was registered before and stands under {stands}; to change that:"
        f" `weightmark license set {model} '{wanted}'`.",
        err=True,
    )


def write_bundle(workspace: Workspace, outcome: Outcome, file: Path) -> list[str]:
    """Write the bundle, and the manifest beside it."""
    if outcome.model is None:
        return []
    beside = file.with_name(file.name + MANIFEST_SUFFIX)
    write_whole(file.absolute(), bundle_of(workspace.resources, outcome.model).encode(), shared=True)
    written = [str(file)]
    manifest = manifest_of(workspace.resources, outcome.model)
    if manifest is not None:
        write_whole(beside.absolute(), manifest.encode(), shared=True)
        written.append(str(beside))
    return written


def _show(outcome: Outcome, written: list[str], update: Updated | None, *, as_json: bool) -> None:
    if as_json:
        since = {} if update is None else {"since": update.to_json()}
        print_json({**outcome.to_json(), "written": list(written), **since})
        return
    if outcome.model is None:
        bad(f"{outcome.event.uri} was not recorded.")
        return
    news = "Recorded" if outcome.receipt is not None else "Already recorded"
    good(f"{news}: {outcome.model.name}, owned by {outcome.model.owner}.")
    print_fields({tag.removeprefix("weightmark."): value for tag, value in outcome.tags().items()})
    for note in outcome.notes:
        click.echo(f"hint:  {note}", err=True)
    if update is not None:
        good(update.sentence)
    for file in written:
        good(f"{file} written.")
