"""``weightmark doctor``."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import EXIT_ERROR, bad, fails_clearly, good, json_option, print_json
from weightmark.encoding import Json
from weightmark.errors import WeightmarkError
from weightmark.ports import PlatformStatus, Registry
from weightmark.workspace import Workspace

PATIENCE_SECONDS: Final = 8.0
"""How long all platforms together are given to answer."""


@click.command("doctor")
@json_option
@fails_clearly
def command(as_json: bool) -> None:
    """Look for what is wrong with this workspace, and say what to do about it.

    Of each platform it says what is installed, whether its server answers, how Weightmark is asked there,
    and what to do next. A platform that is not installed or not reachable is no error.

    \b
    Example:
      weightmark doctor
    """
    checks: list[dict[str, Json]] = []
    with open_workspace() as workspace:
        registries = _platforms(workspace)
        answers = _begin(registries)
        for name, check in _CHECKS.items():
            try:
                checks.append({"check": name, "ok": True, "message": check(workspace), "hint": ""})
            except WeightmarkError as error:
                checks.append({"check": name, "ok": False, "message": error.message, "hint": error.hint})
        platforms = _collect(registries, answers)
    healthy = all(found["ok"] for found in checks)
    if as_json:
        print_json(
            {"ok": healthy, "checks": list(checks), "platforms": list(map(_to_json, platforms.items()))}
        )
    else:
        for found in checks:
            (good if found["ok"] else bad)(f"{found['check']}: {found['message']}")
            _hint(str(found["hint"]))
        click.echo()
        for name, status in platforms.items():
            _show(name, status)
    sys.exit(0 if healthy else EXIT_ERROR)


def _platforms(workspace: Workspace) -> Mapping[str, type[Registry]]:
    return workspace.plugins.registries


def _begin(registries: Mapping[str, type[Registry]]) -> dict[str, PlatformStatus]:
    """Ask every platform at once, each in a thread that may be left behind; give where answers will stand."""
    answers: dict[str, PlatformStatus] = {}

    def ask(name: str, cls: type[Registry]) -> None:
        try:
            answers[name] = cls().inspect()
        except Exception as error:
            answers[name] = PlatformStatus(hint=f"It could not be looked at: {type(error).__name__}.")

    for name, cls in registries.items():
        threading.Thread(target=ask, args=(name, cls), name=f"weightmark-doctor-{name}", daemon=True).start()
    return answers


def _collect(
    registries: Mapping[str, type[Registry]], answers: Mapping[str, PlatformStatus]
) -> dict[str, PlatformStatus]:
    """Wait for the answers, but not for ever."""
    until = time.monotonic() + PATIENCE_SECONDS
    while len(answers) < len(registries) and time.monotonic() < until:
        time.sleep(0.02)
    late = PlatformStatus(reachable=False, hint=f"It did not answer within {PATIENCE_SECONDS:.0f} seconds.")
    return {name: answers.get(name, late) for name in sorted(registries)}


def _to_json(named: tuple[str, PlatformStatus]) -> dict[str, Json]:
    name, status = named
    return {
        "platform": name,
        "installed": status.installed or None,
        "server": status.server or None,
        "reachable": status.reachable,
        "hooked": status.hooked or None,
        "hint": status.hint,
    }


def _show(name: str, status: PlatformStatus) -> None:
    if not status.installed and status.reachable is None:
        click.echo(f"{click.style('·', dim=True)} {name}: not installed")
        _hint(status.hint)
        return
    server = f", {status.server}" if status.server else ""
    answers = {True: " answers", False: " does not answer", None: ""}[status.reachable]
    hooked = f"; asked by {status.hooked}" if status.hooked else "; not hooked"
    (bad if status.reachable is False else good)(
        f"{name}: {status.installed or 'not installed'}{server}{answers}{hooked}"
    )
    _hint(status.hint)


def _hint(text: str) -> None:
    if text:
        click.echo(f"  {click.style('hint:', fg='cyan')} {text}")


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


def _observers(workspace: Workspace) -> str:
    return ", ".join(observer.name for observer in workspace.resources.observers) or "nobody is told"


_CHECKS: dict[str, Callable[[Workspace], str]] = {
    "settings": _settings,
    "plugins": _plugins,
    "key": _key,
    "ledger": _ledger,
    "index": _index,
    "observers": _observers,
}
