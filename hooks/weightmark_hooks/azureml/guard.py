"""Guards the SDK's clients: what is local is checked before a byte is sent, all else by the policy."""

import functools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from weightmark.ports import ResolvedModel
from weightmark.workspace import Workspace
from weightmark.workspace.asking import failing_closed
from weightmark_adapters.azureml import AzuremlRegistry, connect, sdk
from weightmark_adapters.azureml.client import place_of
from weightmark_adapters.azureml.lineage import gather_facts
from weightmark_adapters.azureml.service import Service, pairs
from weightmark_adapters.azureml.uri import Place, version_uri
from weightmark_hooks.azureml.gate import Gate, Passed, merge_tags, passing
from weightmark_hooks.azureml.policy import WeightmarkPolicy

_log = logging.getLogger(__name__)
_MARK: Final = "weightmark"
_POLICIES: Final = "per_call_policies"


def protect(workspace: Workspace | None = None) -> None:
    """Guard every client that this process makes from now on; called again, it changes nothing.

    The check runs in this process, so it holds those who mean well; Azure Policy holds everybody.

    Args:
        workspace: who is asked; None for the process's own.

    Raises:
        MissingExtraError: the SDK is not installed.
    """
    client = sdk.load().MLClient
    if hasattr(client.__init__, _MARK):
        return
    operations = sdk.load("azure.ai.ml.operations._model_operations")
    policy, gate = WeightmarkPolicy(workspace), Gate(workspace)
    _wrap(client, "__init__", functools.partial(_make_client, policy))
    _wrap(operations.ModelOperations, "create_or_update", functools.partial(_create, gate))
    _wrap(operations.ModelOperations, "download", functools.partial(_download, gate))
    _wrap(operations, "get_registry_client", functools.partial(_make_registry_client, policy))


def unprotect() -> None:
    """Take the guards out again; clients that were made meanwhile keep their policy."""
    operations = sdk.load("azure.ai.ml.operations._model_operations")
    _unwrap(sdk.load().MLClient, "__init__")
    _unwrap(operations.ModelOperations, "create_or_update")
    _unwrap(operations.ModelOperations, "download")
    _unwrap(operations, "get_registry_client")


def register(ml_client: Any, model: Any, *, workspace: Workspace | None = None) -> Any:
    """Make a model version, checked before its files are sent: ``models.create_or_update`` with the gates.

    Args:
        ml_client: the SDK's client, guarded or not.
        model: the SDK's ``Model``.
        workspace: who is asked; None for the process's own.

    Returns:
        The version that was made, as the SDK gives it.

    Raises:
        RefusedError: a gate refuses, or it could not be asked; nothing was sent.
    """
    connect(ml_client)
    operations: Any = ml_client.models.__class__
    create = getattr(operations.create_or_update, _MARK, operations.create_or_update)
    gate = Gate(workspace)
    place = place_of(ml_client)
    stated: dict[str, Any] = model.tags or {}
    with _checked(gate, place, model) as passed:
        try:
            model.tags = merge_tags(stated, {}, passed.outcome.tags())
            made = create(ml_client.models, model)
        finally:
            model.tags = stated
    gate.link(passed.outcome, version_uri(place, str(made.name), str(made.version)), str(made.version))
    return made


def _make_client(policy: Any, original: Callable[..., None], client: Any, *args: Any, **options: Any) -> None:
    original(client, *args, **{**options, _POLICIES: _with(policy, options.get(_POLICIES))})
    scope = client._operation_scope  # noqa: SLF001 - the SDK has no public word for it
    if scope.registry_name or client.workspace_name:
        connect(client)


def _make_registry_client(policy: Any, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Sharing makes a client of its own, to which the SDK gives no policies."""
    return original(*args, **{**options, _POLICIES: _with(policy, options.get(_POLICIES))})


def _create(gate: Gate, original: Callable[..., Any], operations: Any, model: Any) -> Any:
    if not _is_local(model):
        return original(operations, model)
    place = place_of(operations)
    with _checked(gate, place, model):
        return original(operations, model)


def _download(  # noqa: PLR0913, PLR0917 - the SDK's own arguments
    gate: Gate,
    original: Callable[..., None],
    operations: Any,
    name: str,
    version: str,
    download_path: str | os.PathLike[str] = ".",
) -> None:
    """Download beside the place that is meant, and move there what is as it was registered."""
    target = Path(download_path)
    target.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".weightmark-", dir=target))
    try:
        original(operations, name, version, str(scratch))
        uri = version_uri(place_of(operations), name, version)
        with failing_closed(f"to load {uri}"):
            (entry,) = (scratch / name).iterdir()
        gate.load(uri, ResolvedModel(uri=uri, path=entry, name=name, version=version))
        shutil.copytree(scratch / name, target / name, dirs_exist_ok=True, copy_function=shutil.move)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _checked(gate: Gate, place: Place, model: Any) -> Generator[Passed, None, None]:
    """Ask about a model before it is made; inside, the policy takes the answer."""
    stated: dict[str, Any] = {key: getattr(model, key, None) for key in ("tags", "properties", "stage")}
    stated["flavors"] = {key: {"data": dict(value)} for key, value in pairs(model.flavors).items()}
    merge_tags(pairs(stated["tags"]), {}, {})
    with failing_closed(f"to register {str(model.name)!r}"):
        service = Service(place)
        if _is_local(model):
            with _as_sent(Path(model.base_path or ".", model.path)) as path:
                resolved = ResolvedModel(uri="", path=path, facts=gather_facts(service, stated, path))
                outcome = gate.create(place, str(model.name), str(model.version or ""), stated, resolved)
        else:
            with AzuremlRegistry().checkout(str(model.path), stated=stated) as resolved:
                outcome = gate.create(place, str(model.name), str(model.version or ""), stated, resolved)
    passed = Passed(place=place, name=str(model.name), outcome=outcome)
    token = passing.set(passed)
    try:
        yield passed
    finally:
        passing.reset(token)


@contextmanager
def _as_sent(path: Path) -> Generator[Path, None, None]:
    """Give a folder as the SDK sends it: without what ``.amlignore`` or ``.gitignore`` leaves out."""
    utilities = sdk.load("azure.ai.ml._utils._asset_utils")
    ignored = utilities.get_ignore_file(path)
    if path.is_file() or not ignored.exists():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="weightmark-") as scratch:
        for source, relative in utilities.get_upload_files_from_folder(path, ignore_file=ignored):
            target = Path(scratch, relative)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target, follow_symlinks=False)
        yield Path(scratch)


def _is_local(model: Any) -> bool:
    path = getattr(model, "path", None)
    if path is None or not hasattr(model, "stage"):
        return False
    return not str(path).startswith(("azureml:", "runs:", "http://", "https://", "wasbs:", "abfss:"))


def _with(policy: Any, policies: Any) -> list[Any]:
    given: list[Any] = [] if policies is None else [policies]
    if isinstance(policies, (list, tuple)):
        given = list(cast("list[Any]", policies))
    return given if any(isinstance(one, WeightmarkPolicy) for one in given) else [*given, policy]


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **options: Any) -> Any:
        return around(original, *args, **options)

    setattr(wrapped, _MARK, original)
    setattr(owner, name, wrapped)


def _unwrap(owner: Any, name: str) -> None:
    original = getattr(getattr(owner, name), _MARK, None)
    if original is not None:
        setattr(owner, name, original)
