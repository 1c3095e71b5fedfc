"""``weightmark usage``: the group; each command's module is read only when it is called."""

from typing import Final

import click

from weightmark.cli.lazy import LazyGroup

TABLE: Final[dict[str, tuple[str, str]]] = {
    "show": ("usage_metered:show", "Show what is used, reserved and left."),
    "record": ("usage_metered:record", "Count a use, once for each key."),
    "reserve": ("usage_metered:reserve", "Hold units for a long job."),
    "settle": ("usage_metered:settle", "Count what a job came to; let go of the rest."),
    "release": ("usage_metered:release", "Let go of all that was held."),
    "offline": ("usage_offline:offline", "Record use where there is no ledger."),
    "settle-chain": ("usage_offline:settle", "Count what of an exported chain is new."),
}


@click.group("usage", cls=LazyGroup, table=TABLE)
def command() -> None:
    """Count, reserve and show what was used under grants.

    GRANT is a grant's id; or a model whose own terms have limits.

    \b
    Example:
      weightmark usage show
      weightmark usage record sha256:3b0c… inferences 5 --key request-17
    """
