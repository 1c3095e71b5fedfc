"""The group of all commands; each command's module is read only when it is called or asked for help."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import click

from weightmark._version import __version__
from weightmark.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weightmark.ports import Command

# name: (module, one line for --help). The line stands here so that --help reads no module.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("initialise", "Set up a workspace: settings, keys, ledger, trust root."),
    "keygen": ("keygen", "Make a signing key."),
    "trust": ("trust", "Say whose signatures count."),
    "fingerprint": ("fingerprint", "Fingerprint a model."),
    "register": ("register", "Fingerprint, sign and record a model."),
    "verify": ("verify", "Check a model against its registration."),
    "prove": ("prove", "Show one tensor or file of a registered model, with a proof."),
    "compare": ("compare", "Say whether one model was made from another."),
    "similar": ("similar", "Find the registered models that are most like one."),
    "diff": ("diff", "Say what changed from one model to another."),
    "verify-merge": ("verify_merge", "Check by which recipe a model was merged from others."),
    "versions": ("versions", "Show, compare and name the versions of a model."),
    "check": ("check", "Ask whether a licence allows an action."),
    "open": ("open", "Open a model as a tier: what may be seen, run or taken."),
    "policy": ("policy", "Read, check and try your organisation's policy."),
    "license": ("license", "Set or show the licence of a model."),
    "grant": ("grant", "Grant a party the right to use a model."),
    "grants": ("grants", "Show grants; accept, change, renew, hand them over."),
    "revoke": ("revoke", "Take a grant back."),
    "usage": ("usage", "Count, reserve and show what was used under grants."),
    "renewals": ("renewals", "Renew grants that end soon: charge, record, list."),
    "transfer": ("transfer", "Hand a model over to another owner."),
    "history": ("history", "Show what the ledger says about a model."),
    "ledger": ("ledger", "Checkpoint, prove and audit the ledger."),
    "index": ("index", "Make the index anew from the ledger."),
    "sync": ("sync", "Register what is on a platform already."),
    "watch": ("watch", "Verify what is registered and deployed, again and again."),
    "plugins": ("plugins", "Show what is installed, and what is broken."),
    "doctor": ("doctor", "Look for what is wrong with this workspace."),
    "completion": ("completion", "Print the shell's completion script."),
}

EPILOG: Final = (
    "Exit codes: 0 held; 1 error; 2 usage; 3 verification failed; 4 refused by a licence or policy;"
    " 5 undecided, or a service out of reach."
)


@functools.cache
def added_commands() -> dict[str, type[Command]]:
    """Give the commands that plugins add; Weightmark's own names are never given away."""
    from weightmark.discovery import Plugins

    offered = Plugins(kinds=("command",)).commands
    return {name: cls for name, cls in offered.items() if name not in COMMANDS}


class _Application(LazyGroup):
    def added(self) -> Mapping[str, type[Command]]:
        """Give the commands that plugins add."""
        return added_commands()


@click.group(
    cls=_Application,
    table=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="weightmark")
def application() -> None:
    """Ownership, licensing and attribution for AI models.

    \b
    Example:
      weightmark register ./model --license apache-2.0
      weightmark verify ./model
    """
