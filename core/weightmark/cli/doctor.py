"""``weightmark doctor``."""

import sys
from collections.abc import Callable

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import EXIT_ERROR, bad, fails_clearly, good, json_option, print_json
from weightmark.encoding import Json
from weightmark.errors import WeightmarkError
from weightmark.workspace import Workspace


@click.command("doctor")
@json_option
@fails_clearly
def command(as_json: bool) -> None:
    """Look for what is wrong with this workspace, and say what to do about it.

    \b
    Example:
      weightmark doctor
    """
    checks: list[dict[str, Json]] = []
    with open_workspace() as workspace:
        for name, check in _CHECKS.items():
            try:
                checks.append({"check": name, "ok": True, "message": check(workspace), "hint": ""})
            except WeightmarkError as error:
                checks.append({"check": name, "ok": False, "message": error.message, "hint": error.hint})
    healthy = all(found["ok"] for found in checks)
    if as_json:
        print_json({"ok": healthy, "checks": list(checks)})
    else:
        for found in checks:
            (good if found["ok"] else bad)(f"{found['check']}: {found['message']}")
            if found["hint"]:
                click.echo(f"  {click.style('hint:', fg='cyan')} {found['hint']}")
    sys.exit(0 if healthy else EXIT_ERROR)


def _settings(workspace: Workspace) -> str:
    return f"{workspace.configuration.file or 'defaults'}; speaking for {workspace.configuration.party.name}"


def _plugins(workspace: Workspace) -> str:
    count = len(list(workspace.plugins.listing()))
    if workspace.plugins.broken:
        names = ", ".join(sorted(workspace.plugins.broken))
        raise WeightmarkError(
            f"{names} could not be loaded", hint="See `weightmark plugins`; uninstall or upgrade them."
        )
    return f"{count} offered, none broken"


def _key(workspace: Workspace) -> str:
    signer = workspace.resources.signer
    _ = workspace.resources.trust
    workspace.resources.require_own_key(workspace.clock())
    return f"{signer!r} may speak for {workspace.configuration.party.name}"


def _ledger(workspace: Workspace) -> str:
    head = workspace.resources.ledger.audit().checkpoint
    return f"{workspace.configuration.ledger}: {head.size} entries, whole, under its own signature"


def _index(workspace: Workspace) -> str:
    resources = workspace.resources
    resources.catch_up()
    before = resources.index.dump()
    resources.rebuild_index()
    if resources.index.dump() != before:
        raise WeightmarkError("it was not what the ledger says; it is now", hint="Look for who writes to it.")
    return "equals what the ledger says"


_CHECKS: dict[str, Callable[[Workspace], str]] = {
    "settings": _settings,
    "plugins": _plugins,
    "key": _key,
    "ledger": _ledger,
    "index": _index,
}
