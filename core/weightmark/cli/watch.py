"""``weightmark watch``."""

import json
import re
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import (
    EXIT_INTERRUPTED,
    bad,
    counter,
    fails_clearly,
    good,
    json_option,
    print_error,
    print_json,
)
from weightmark.workspace import Finding, Round, State

SHOWN = 20
"""Findings of a round that a person is shown; ``--json`` has more."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 366 * 86_400


class Interval(click.ParamType[float]):
    """A time span: a number and s, m, h or d."""

    name = "interval"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it as seconds; a wrong one is a usage error."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value))
        seconds = int(match[1]) * _UNITS[match[2]] if match else 0
        if not 0 < seconds <= _LONGEST:
            self.fail(f"{str(value)[:40]!r} is no interval such as 30s, 5m, 1h or 1d.", param, ctx)
        return float(seconds)


@click.command("watch")
@click.argument("platform_uri", metavar="PLATFORM-URI")
@click.option(
    "--every",
    type=Interval(),
    default="1h",
    show_default=True,
    metavar="SPAN",
    help="How often: 30s, 5m, 1h, 1d.",
)
@click.option("--once", is_flag=True, help="Look once, for cron; the exit code says what was found.")
@click.option("--deployed-only", is_flag=True, help="Pass over what is not in use.")
@json_option
@fails_clearly
def command(platform_uri: str, every: float, once: bool, deployed_only: bool, as_json: bool) -> None:
    """Verify what is registered and deployed, again and again.

    Bytes are held against registration and signature, uses against licences and grants. Observers are told
    what changed since the last round, and the platform's tags say when each version was last seen whole.

    With --once it ends with 3 when something was changed, 4 when a licence forbids a use, 5 when something
    could not be reached or decided. With --json each round is one object on one line.

    \b
    Example:
      weightmark watch models:/ --every 1h
    """
    with (
        open_workspace() as workspace,
        _stopped_by_signals() as stopped,
        counter("Looking", _so_far, shown=not as_json) as tell,
    ):
        rounds = workspace.watch(
            platform_uri,
            every=None if once else every,
            deployed_only=deployed_only,
            stopped=stopped,
            tell=tell,
        )
        for found in rounds:
            _show(found, as_json=as_json, once=once)
            if once:
                sys.exit(EXIT_INTERRUPTED if found.interrupted else found.exit_code)


@contextmanager
def _stopped_by_signals() -> Generator[threading.Event, None, None]:
    """Let Ctrl-C and SIGTERM end the watch after the version at hand; a second Ctrl-C ends it at once."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _so_far(found: Round) -> str:
    wrong = found.states.total() - found.states[State.WHOLE]
    return f"{found.states.total()} looked at, {wrong} not whole"


def _show(found: Round, *, as_json: bool, once: bool) -> None:
    if as_json:
        if once:
            print_json(found.to_json())
        else:
            click.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    shown = found.wrong if once else found.news
    for finding in shown[:SHOWN]:
        (good if finding.state is State.WHOLE else bad)(_line(finding))
    if len(shown) > SHOWN:
        bad(f"and {len(shown) - SHOWN} more; --json names them.")
    counts = ", ".join(f"{count} {state.value}" for state, count in sorted(found.states.items()))
    (bad if found.exit_code else good)(
        f"{found.uri}: {counts or 'nothing to look at'}; {found.seconds:.1f} s."
    )
    if found.error is not None:
        print_error(found.error.message, hint=found.error.hint or "What was found before that is kept.")


def _line(finding: Finding) -> str:
    was = f" (was {finding.was})" if finding.was and finding.was != finding.state else ""
    detail = f": {finding.detail}" if finding.detail else ""
    return f"{finding.uri} is {finding.state.value}{was}{detail}"
