"""``weightmark license compat``."""

import sys
from pathlib import Path

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import bad, fails_clearly, good, json_option, print_json
from weightmark.encoding import decode, printable
from weightmark.errors import NotEntitledError
from weightmark.licensing import (
    Answer,
    Compatibility,
    Ingredient,
    Joining,
    Terms,
    WorkKind,
    parse_use,
    read_ingredient,
    split_kind,
    take_ingredient,
    weigh_together,
)
from weightmark.licensing.expression import AllOf, AnyOf, Expression, Known, Unknown
from weightmark.workspace import read_bounded
from weightmark.workspace.composition import ingredients_of
from weightmark.workspace.reading import is_path

EXIT = {Answer.ALLOWED: 0, Answer.DUTIES: 0, Answer.REFUSED: 4, Answer.UNKNOWN: 5}
MAX_TERMS = 1 << 20
_MOST_SHOWN = 80
"""Bytes of a file of terms; a longer one is not read."""


@click.command("compat")
@click.argument("works", nargs=-1, required=True, metavar="WORK...")
@click.option(
    "--use",
    default="publish",
    show_default=True,
    metavar="WORDS",
    help="What is meant to be done with the result, such as 'fine-tune and serve commercially'.",
)
@click.option(
    "--as",
    "joining",
    type=click.Choice([joining.value for joining in Joining]),
    default=Joining.DERIVATIVE.value,
    show_default=True,
    help="How the works come together.",
)
@json_option
@fails_clearly
def command(works: tuple[str, ...], use: str, joining: str, as_json: bool) -> None:
    """Ask whether works under several licences may come together, and what the result may carry.

    A WORK is a licence, an SPDX expression, a file of terms (.json), or a registered model with its whole
    lineage. A kind of work may stand before it: weights:, data:, code:, outputs:.

    Exits with 0 when it is allowed, 4 when it is refused, 5 when it cannot be known.

    \b
    Example:
      weightmark license compat mit llama3.1 --use "serve commercially"
    """
    if not use.strip():
        raise click.UsageError(
            "--use is empty; say what is done, such as 'fine-tune and serve commercially'."
        )
    if not all(work.strip() for work in works):
        raise click.UsageError("A WORK is empty; name a licence, a file of terms or a registered model.")
    how = Joining(joining)
    ingredients = [ingredient for work in works for ingredient in _gather(work, how)]
    purposes = {purpose for ingredient in ingredients for purpose in _purposes(ingredient.license)}
    answer = weigh_together(ingredients, parse_use(use, purposes=purposes), how)
    if as_json:
        print_json(answer.to_json())
    else:
        _show(answer, works)
    sys.exit(EXIT[answer.verdict])


def _gather(work: str, joining: Joining) -> tuple[Ingredient, ...]:
    kind, name = split_kind(work)
    licence = read_ingredient(work)
    if licence.license is not None and not _has_unknown(licence.license):
        return (licence,)
    if name.lower().endswith(".json") and Path(name).is_file():
        terms = Terms.from_json(decode(read_bounded(Path(name), MAX_TERMS), what=name), what=name)
        ingredient = take_ingredient(terms)
        return (Ingredient(name=name, license=ingredient.license, kind=kind),)
    if kind is None and joining is Joining.TRAIN_DATA:
        kind = WorkKind.WEIGHTS
    with open_workspace() as workspace:
        try:
            model = workspace.find(name)
        except NotEntitledError:
            return (Ingredient(name=name, license=None, kind=kind),) if is_path(name) else (licence,)
        party = workspace.configuration.party.name
        return ingredients_of(workspace.resources.index, model, party=party, kind=kind)


def _has_unknown(expression: Expression) -> bool:
    if isinstance(expression, AllOf | AnyOf):
        return any(_has_unknown(part) for part in expression.parts)
    return isinstance(expression, Unknown)


def _purposes(expression: Expression | None) -> frozenset[str]:
    if not isinstance(expression, Known):
        return frozenset()
    restricted = frozenset(restriction.id for restriction in expression.terms.use_restrictions)
    return expression.terms.purposes | restricted


def _show(answer: Compatibility, works: tuple[str, ...]) -> None:
    shown = (work if len(work) <= _MOST_SHOWN else f"{work[:_MOST_SHOWN]}…" for work in works)
    listed = printable(", ".join(shown))
    match answer.verdict:
        case Answer.ALLOWED:
            good(f"Allowed ({answer.joining}): {listed}.")
        case Answer.DUTIES:
            good(f"Allowed with duties ({answer.joining}): {listed}.")
        case Answer.REFUSED:
            bad(f"Refused ({answer.joining}): {listed}.")
        case Answer.UNKNOWN:
            bad(f"It cannot be known ({answer.joining}): {listed}.")
    for reason in answer.reasons:
        place = f"  [{'; '.join(reason.clauses)}]" if reason.clauses else ""
        click.echo(printable(f"  {reason.code}: {reason.message}{place}"))
        if reason.hint:
            click.echo(f"    {click.style('hint:', fg='cyan')} {reason.hint}")
    for duty in answer.duties:
        duty_text = printable(f"{duty.sentence}  [{duty.clause}]")
        click.echo(f"  {click.style('duty:', fg='yellow')} {duty_text}")
    if answer.outbound:
        click.echo(f"  The result may carry: {printable(', '.join(answer.outbound))}.")
