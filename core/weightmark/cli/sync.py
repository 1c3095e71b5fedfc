"""``weightmark sync``."""

import math
import sys

import click

from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import (
    EXIT_INTERRUPTED,
    EXIT_UNDECIDED,
    bad,
    counter,
    exit_code,
    fails_clearly,
    good,
    json_option,
    print_error,
    print_fields,
    print_json,
)
from weightmark.workspace import Synced

SHOWN = 20
"""Failures that a person is shown; ``--json`` has more."""


def _finite(_context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("it must be a number of versions, such as 5.", param=option)
    return value


@click.command("sync")
@click.argument("platform_uri", metavar="PLATFORM-URI")
@click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="How many at once.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Work on at most N versions, then stop.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="PER-SECOND",
    help="Begin no more a second.",
)
@click.option(
    "--no-tags", is_flag=True, help="Leave the platform as it is; a run without this writes the tags."
)
@click.option("--retry-failed", is_flag=True, help="Try what failed once more at the end.")
@speaker_options
@json_option
@fails_clearly
def command(
    platform_uri: str,
    jobs: int,
    limit: int | None,
    rate: float | None,
    no_tags: bool,
    retry_failed: bool,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Register what is on a platform already.

    PLATFORM-URI is whatever the platform can list, such as models:/ or hf://acme. What is registered is
    skipped, so a run that was stopped, or killed, is simply run again. Ends with 5 when some versions failed.

    \b
    Example:
      weightmark sync models:/ --jobs 8
    """
    with (
        open_workspace(party=party, key=key) as workspace,
        counter("Registering", _so_far, shown=not as_json) as tell,
    ):
        synced = workspace.sync(
            platform_uri,
            jobs=jobs,
            limit=limit,
            rate=rate,
            retry_failed=retry_failed,
            tags=not no_tags,
            tell=tell,
        )
    if as_json:
        print_json(dict(synced.to_json()))
    else:
        _show(synced)
    sys.exit(_code(synced))


def _so_far(synced: Synced) -> str:
    return f"{synced.registered} registered, {synced.present} there already, {synced.failed} failed"


def _code(synced: Synced) -> int:
    if synced.interrupted:
        return EXIT_INTERRUPTED
    if synced.stopped is not None:
        return exit_code(synced.stopped)
    return EXIT_UNDECIDED if synced.failed else 0


def _show(synced: Synced) -> None:
    for failure in list(synced.failures.values())[:SHOWN]:
        bad(f"{failure.uri}: {failure.message}")
        if failure.hint:
            click.echo(f"  {click.style('hint:', fg='cyan')} {failure.hint}")
    if synced.failed > SHOWN:
        bad(f"and {synced.failed - SHOWN} more; --json names them.")
    (good if synced.whole else bad)(f"{synced.uri}: {_so_far(synced)}.")
    fields = {
        "tags written anew": synced.annotated or None,
        "refused by the gate": synced.refused or None,
        "seconds": f"{synced.seconds:.1f}",
    }
    print_fields(fields)
    if synced.stopped is not None:
        print_error(
            f"stopped: {synced.stopped.message}", hint=synced.stopped.hint or "Run it again when it is back."
        )
    elif synced.interrupted:
        print_error("interrupted; everything is whole", hint="Run it again to go on.")
