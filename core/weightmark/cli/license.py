"""``weightmark license``: the group; each command's module is read only when it is called."""

from typing import Final

import click

from weightmark.cli.lazy import LazyGroup

TABLE: Final[dict[str, tuple[str, str]]] = {
    "set": ("license_set", "Record under which licence a model stands."),
    "show": ("license_show:show", "Show what a licence permits, forbids and demands."),
    "templates": ("license_show:templates", "List the licences that are known."),
    "text": ("license_text:text", "Write the whole text of a licence, word for word."),
    "build": ("license_build:build", "Make terms of your own."),
    "compat": ("license_compat", "Ask whether works may come together."),
    "issue": ("license_file:issue", "Write a signed licence file, which verifies offline."),
    "verify": ("license_file:verify", "Verify a licence file; say what it allows."),
    "machine": ("license_file:machine", "Print a name of this machine, to bind a file to."),
    "status": ("license_status:status", "Say which grants still hold, in one signed file."),
    "clock": ("license_clock:clock", "See whether this machine's clock was put back."),
    "delegate": ("license_delegate", "Hand a grant on as a token; narrow one offline."),
    "delegated": ("license_delegated", "Verify a token; decide what its bearer may do."),
    "revoke-token": ("license_delegated:revoke", "Revoke a token and all that came of it."),
}


@click.group("license", cls=LazyGroup, table=TABLE)
def command() -> None:
    """Set or show the licence of a model.

    \b
    Example:
      weightmark license set ./model apache-2.0
      weightmark license show cc-by-nc-4.0
      weightmark license build --name ours --template per-seat --seats 20
    """
