"""``wandb sync``, asked before it sends; put in when the library's command line is imported."""

import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from weightmark.errors import WeightmarkError
from weightmark_adapters.wandb import sdk
from weightmark_hooks.wandb import offline
from weightmark_hooks.wandb.guard import ArtifactGuard
from weightmark_hooks.wandb.offline import Finding

_log = logging.getLogger(__name__)
_MODULE: Final = "wandb.cli.cli"
_guards: Final[list[ArtifactGuard]] = []
_wrapped: Final[set[int]] = set()


def install(guard: ArtifactGuard) -> None:
    """Ask this guard before offline runs are sent."""
    import wrapt

    _guards.append(guard)
    wrapt.register_post_import_hook(_put_in, _MODULE)


def remove() -> None:
    """Ask no guard any more."""
    _guards.clear()


def _put_in(module: Any) -> None:
    commands = module.cli.commands
    beta = getattr(commands.get("beta"), "commands", {})
    for command in filter(None, (commands.get("sync"), beta.get("sync"))):
        if id(command) not in _wrapped:
            _wrapped.add(id(command))
            command.callback = _guarded(command.callback)


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def sync(*args: Any, **kwargs: Any) -> Any:
        if not _guards:
            return original(*args, **kwargs)
        guard = _guards[-1]
        findings = _require_sendable(guard, _paths(kwargs))
        answer = original(*args, **kwargs)
        _settle(guard, findings, kwargs)
        return answer

    return sync


def _paths(given: dict[str, Any]) -> list[Path]:
    named = [Path(path) for path in given.get("path") or given.get("paths") or ()]
    return named or [Path(str(sdk.load().setup().settings.wandb_dir))]


def _require_sendable(guard: ArtifactGuard, paths: Iterable[Path]) -> list[Finding]:
    """Check every run that would be sent; one that may not be stops them all.

    Raises:
        ClickException: a model may not be sent.
    """
    import click

    findings: list[Finding] = []
    try:
        for path in paths:
            findings += offline.check(path, guard.workspace(), choice=guard.choice)
    except WeightmarkError as error:
        raise click.ClickException(
            f"Weightmark could not check, so it refuses to sync: {error.message}"
        ) from error
    refused = [f"{one.artifact.name}: {one.refusal}" for one in findings if one.refusal]
    if refused:
        raise click.ClickException("Weightmark refuses to sync:\n  " + "\n  ".join(refused))
    return findings


def _settle(guard: ArtifactGuard, findings: list[Finding], given: dict[str, Any]) -> None:
    try:
        offline.settle(
            findings,
            guard.workspace(),
            entity=str(given.get("entity") or ""),
            project=str(given.get("project") or ""),
        )
    except Exception:
        _log.exception(
            "what was sent is registered, but its versions are not recorded; run `weightmark sync`"
        )
