"""``weightmark similar``."""

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_json, print_table
from weightmark.encoding import Json
from weightmark.similarity import Agreement
from weightmark.workspace.sketching import Candidate

_CONFIRMED = {True: "yes", False: "NO: forged, or chance", None: "not sketched here"}
_HINT = "What is alike is not yet related: compare them with `weightmark compare MODEL OTHER`."


@click.command("similar")
@click.argument("model")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many at most."
)
@json_option
@fails_clearly
def command(model: str, limit: int, as_json: bool) -> None:
    """Find the registered models that are most like MODEL: a path, or a URI such as models:/churn/3.

    Models are looked up by sketches. Whoever knows how public ones are made can forge a likeness, so each is
    also judged by a sketch with this workspace's own seed, where there is one.

    \b
    Example:
      weightmark similar ./model
    """
    with open_workspace() as workspace:
        found = workspace.similar(model, limit=limit)
    if as_json:
        print_json({"model": model, "candidates": [_describe(candidate) for candidate in found]})
        return
    if not found:
        click.echo("Nothing registered is like it.")
        return
    rows = [
        [
            each.model.name,
            each.model.owner,
            f"{each.public.bits:.0%}",
            f"{each.public.alike} of {each.public.tensors}",
            _CONFIRMED[each.confirmed],
            each.model.bundle,
        ]
        for each in found
    ]
    print_table(("model", "owner", "equal bits", "tensors alike", "confirmed", "bundle"), rows)
    click.echo(_HINT, err=True)


def _describe(candidate: Candidate) -> dict[str, Json]:
    model = candidate.model
    return {
        "name": model.name,
        "owner": model.owner,
        "license": model.license,
        "bundle": model.bundle,
        "entry": model.entry,
        "public": _agreement(candidate.public),
        "secret": None if candidate.secret is None else _agreement(candidate.secret),
        "confirmed": candidate.confirmed,
    }


def _agreement(agreement: Agreement) -> dict[str, Json]:
    return {"bits": agreement.bits, "tensors": agreement.tensors, "alike": agreement.alike}
