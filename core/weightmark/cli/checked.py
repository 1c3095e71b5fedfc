"""Values that only the core can judge, as usage errors of a command."""

from collections.abc import Callable
from typing import TypeVar

import click

T = TypeVar("T")


def checked(call: Callable[[], T]) -> T:
    """Call, and turn a value that makes no sense into a usage error.

    Raises:
        UsageError: it makes no sense.
    """
    try:
        return call()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
