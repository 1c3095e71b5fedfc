"""What a person sees and what a program reads: results on standard output, all else on standard error."""

import functools
import io
import json
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar, cast

import click

from weightmark.encoding import Json
from weightmark.errors import PlatformError, VerificationError, WeightmarkError
from weightmark.vocabulary import SCHEMA_VERSION

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

EXIT_ERROR = 1
EXIT_VERIFICATION = 3
EXIT_REFUSED = 4
EXIT_UNDECIDED = 5
EXIT_INTERRUPTED = 130

json_option = click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object.")


def print_json(value: Mapping[str, Json]) -> None:
    """Write one JSON object, indented, with its schema's version."""
    click.echo(json.dumps({"schema": SCHEMA_VERSION, **value}, indent=2, ensure_ascii=False))


def print_fields(fields: Mapping[str, object]) -> None:
    """Write names and values in two columns; a value of None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        click.echo(f"{click.style(name.ljust(width), dim=True)}  {value}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table)


def good(text: str) -> None:
    """Write that something held."""
    click.echo(f"{click.style('✓', fg='green', bold=True)} {text}")


def bad(text: str) -> None:
    """Write that something did not hold."""
    click.echo(f"{click.style('✗', fg='red', bold=True)} {text}")


def print_error(message: str, *details: str, hint: str = "") -> None:
    """Write what is wrong and what to do, on standard error."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    for detail in details:
        click.echo(f"  {detail}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='cyan', bold=True)}  {hint}", err=True)


def fails_clearly(function: Callable[P, R]) -> Callable[P, R]:
    """Turn every error of ours into a message with its hint and its exit code, and into JSON when asked."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _take_any_text()
        try:
            return function(*args, **kwargs)
        except WeightmarkError as error:
            _report(error, as_json=bool(kwargs.get("as_json")))
            sys.exit(exit_code(error))
        except BrokenPipeError:
            # The reader of our output went away; say nothing more to it, not even at exit.
            _drop_output()
            sys.exit(EXIT_ERROR)
        except OSError as error:
            # The disk under our output is full, or the system refused something that no part of ours named.
            _drop_output()
            print_error(str(error), hint="Check the disk, and who may write to it.")
            sys.exit(EXIT_ERROR)

    return wrapper


def _take_any_text() -> None:
    """Let names that are no UTF-8, which a path may have, be written as escapes; JSON reads them as such."""
    stream: object = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        cast("io.TextIOWrapper", stream).reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what is left to be written go nowhere: it failed once, and would fail again at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(error: WeightmarkError) -> int:
    """Give the documented exit code of an error."""
    if isinstance(error, PlatformError) and not error.retryable:
        return EXIT_ERROR
    return error.exit_code


@contextmanager
def progress_bar(label: str, *, shown: bool = True) -> Generator[Callable[[int, int], None] | None]:
    """Show how far long work is, on standard error, when a person is looking.

    Args:
        label: what is being done.
        shown: False for ``--json``.

    Yields:
        What is to be told the bytes done and the bytes in all; None when nobody looks.
    """
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def counter(
    label: str, describe: Callable[[T], str], *, shown: bool = True
) -> Generator[Callable[[T], None] | None]:
    """Show how far work of an unknown length is, on standard error, when a person is looking.

    Args:
        label: what is being done.
        describe: writes what was counted so far.
        shown: False for ``--json``.

    Yields:
        What is to be told what was counted; None when nobody looks.
    """
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda counted: progress.update(task, description=f"{label}: {describe(counted)}")


def _report(error: WeightmarkError, *, as_json: bool) -> None:
    if as_json:
        body: dict[str, Json] = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        result: dict[str, Json] = {"ok": False, "error": body}
        if isinstance(error, VerificationError):
            result["failures"] = [
                {"path": failure.path, "tensor": failure.tensor, "reason": failure.reason}
                for failure in error.failures
            ]
        print_json(result)
        return
    print_error(error.message, hint=error.hint)


def _plain(text: str) -> str:
    """Keep Rich from reading markup in what somebody wrote."""
    from rich.markup import escape

    return escape(text)
