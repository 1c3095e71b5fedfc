"""``weightmark grants``: the group; each command's module is read only when it is called."""

from typing import Final

import click

from weightmark.cli.lazy import LazyGroup

TABLE: Final[dict[str, tuple[str, str]]] = {
    "list": ("grants_show:list_grants", "List the grants for a model."),
    "show": ("grants_show:show", "Show a grant, and all that was said about it."),
    "accept": ("grants_change:accept", "Accept a grant, or agree to a change of it."),
    "approve": ("grants_change:approve", "Approve a grant as one of its approvers."),
    "amend": ("grants_change:amend", "Change a grant: what is not named stays."),
    "renew": ("grants_change:renew", "Move the end of a grant."),
    "suspend": ("grants_change:suspend", "Take a grant out of effect for a time."),
    "reinstate": ("grants_change:reinstate", "Put a suspended grant into effect again."),
    "transfer": ("grants_change:transfer", "Hand a grant over to somebody else."),
    "seat": ("grants_seat:seat", "Give the seats of a grant, and free them."),
}


@click.group("grants", cls=LazyGroup, table=TABLE)
def command() -> None:
    """Show grants, and accept, approve, change, renew and hand them over.

    A grant is given with `weightmark grant` and taken back with `weightmark revoke`.

    \b
    Example:
      weightmark grants list ./model
    """
