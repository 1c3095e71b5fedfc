"""``weightmark license clock``: the highest time this machine has seen."""

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json, print_table
from weightmark.encoding import Json, format_time
from weightmark.workspace.offline.clock import clock_of


@click.group("clock")
def clock() -> None:
    """See whether this machine's clock was put back, and set a wrong mark right.

    \b
    Example:
      weightmark license clock show
      weightmark license clock reset --cause "the battery was empty"
    """


@clock.command("show")
@json_option
@fails_clearly
def show(as_json: bool) -> None:
    """Show the times that were seen; nothing is noted.

    \b
    Example:
      weightmark license clock show
    """
    with open_workspace() as workspace:
        keeper = clock_of(workspace.configuration.home)
        state = keeper.show()
    last = state.last
    if as_json:
        marks: list[Json] = [mark.to_json() for mark in state.marks]
        high = None if last is None else format_time(last.high)
        print_json({"high": high, "lists": len(state.lists), "marks": marks, "file": str(keeper.file)})
        return
    if last is None:
        good("No time was noted yet.")
        return
    print_fields({"highest": format_time(last.high), "lists seen": len(state.lists), "file": keeper.file})
    rows = [[format_time(mark.high), mark.source, format_time(mark.wall), mark.cause] for mark in state.marks]
    print_table(["highest", "by", "the clock showed", "cause"], rows)


@clock.command("reset")
@click.option("--cause", required=True, metavar="TEXT", help="Why; it stays in the marks.")
@json_option
@fails_clearly
def reset(cause: str, as_json: bool) -> None:
    """Count from the time that the clock shows now, also when it was later before.

    \b
    Example:
      weightmark license clock reset --cause "the battery was empty"
    """
    with open_workspace() as workspace:
        moment = clock_of(workspace.configuration.home).reset(cause)
    if as_json:
        print_json({"high": format_time(moment), "cause": cause})
        return
    good(f"Time is counted from {moment:%Y-%m-%d %H:%M:%S} UTC on; that it was set back stays noted.")
