"""``weightmark policy``."""

import sys
from pathlib import Path

import click

from weightmark.cli.output import (
    EXIT_ERROR,
    EXIT_REFUSED,
    bad,
    fails_clearly,
    good,
    json_option,
    print_fields,
    print_json,
)
from weightmark.discovery import Plugins
from weightmark.encoding import Json, printable
from weightmark.errors import WeightmarkError
from weightmark.licensing.organisation.checking import Fault, find_faults
from weightmark.licensing.organisation.reading import MAX_POLICY
from weightmark.workspace import Configuration, read_bounded
from weightmark.workspace.policing.policy_file import PolicyInForce, TomlEngine, open_policy
from weightmark.workspace.policing.policy_trial import read_trials, try_policy
from weightmark.workspace.resource import now

_file = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group("policy")
def command() -> None:
    """Read, check and try the policy of your organisation.

    \b
    Example:
      weightmark policy check weightmark-policy.toml
      weightmark policy test weightmark-policy.toml --cases policy-cases.toml
    """


@command.command("check")
@_file
@json_option
@fails_clearly
def check(file: Path | None, as_json: bool) -> None:
    """Read the policy in FILE, or the one of the settings, and look for mistakes in it.

    Told are rules that contradict one another, that can never matter, and that are over.

    Exits with 0 when there are none, 1 when there are, or when it cannot be read.

    \b
    Example:
      weightmark policy check weightmark-policy.toml
    """
    policy = _open(Configuration.load(), file)
    faults = _find_faults(policy)
    if as_json:
        told: list[Json] = [fault.to_json() for fault in faults]
        print_json(_describe(policy) | {"ok": not faults, "faults": told})
    else:
        for fault in faults:
            bad(printable(f"{fault.kind.value}: {fault.message}  [{fault.place}]"))
        if not faults:
            good(f"{policy.path} can be read, and no rule stands against another.")
    sys.exit(EXIT_ERROR if faults else 0)


@command.command("show")
@_file
@json_option
@fails_clearly
def show(file: Path | None, as_json: bool) -> None:
    """Show the policy in FILE, or the one of the settings, as sentences.

    \b
    Example:
      weightmark policy show
    """
    policy = _open(Configuration.load(), file)
    if as_json:
        print_json(_describe(policy))
        return
    print_fields({"file": policy.path, "digest": policy.digest})
    for line in policy.engine.words():
        click.echo(printable(line))


@command.command("test")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The cases, in TOML."
)
@json_option
@fails_clearly
def test(file: Path | None, cases: Path, as_json: bool) -> None:
    """Try the policy in FILE, or the one of the settings, on cases that say what it should answer.

    Exits with 0 when it answers all as it should, 4 when it does not.

    \b
    Example:
      weightmark policy test weightmark-policy.toml --cases policy-cases.toml
    """
    settings = Configuration.load()
    policy = _open(settings, file)
    trials = read_trials(read_bounded(cases, MAX_POLICY), cases.name, own=settings.party, at=now())
    tried = [try_policy(policy.engine, trial) for trial in trials]
    failed = [each for each in tried if not each.held]
    if as_json:
        print_json(
            _describe(policy) | {"ok": not failed, "cases": [each.to_json() for each in tried]},
        )
    else:
        for each in failed:
            wanted = ", ".join(sorted(each.trial.rules))
            said = f" by {', '.join(sorted(each.rules))}" if each.rules else ""
            bad(
                printable(
                    f"{each.trial.name}: {each.found.value}{said}, not {each.trial.expected.value}"
                    + (f" by {wanted}" if wanted else "")
                )
            )
            for ruling in each.rulings:
                click.echo(printable(f"  {ruling.message}  [{ruling.clause}]"))
        if not failed:
            good(f"{policy.path} answers all {len(tried)} cases as it should.")
    sys.exit(EXIT_REFUSED if failed else 0)


def _open(settings: Configuration, file: Path | None) -> PolicyInForce:
    path = file or settings.policy
    if path is None:
        raise WeightmarkError(
            "the settings name no policy",
            hint='Name a file, or set policy = "weightmark-policy.toml" in weightmark.toml.',
        )
    return open_policy(path, Plugins(kinds=("policy",)))


def _find_faults(policy: PolicyInForce) -> tuple[Fault, ...]:
    if not isinstance(policy.engine, TomlEngine):
        return ()  # Cedar's own analysis goes further than ours could
    return find_faults(policy.engine.policy, now())


def _describe(policy: PolicyInForce) -> dict[str, Json]:
    return {"file": str(policy.path), "digest": policy.digest, "rules": list(policy.engine.words())}
