"""Pushes to the Hub: gathered on a stage, let through the gate, then sent by the library itself."""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, cast

from weightmark.attribution import ATTRIBUTES, BESIDE
from weightmark.errors import MalformedError, RefusedError, WeightmarkError
from weightmark.model.card import FACT_FILES, read_facts
from weightmark.workspace import Outcome, Workspace, failing_closed, process_workspace
from weightmark_adapters.huggingface import sdk
from weightmark_adapters.huggingface.content import HubFile
from weightmark_hooks.huggingface.admission import admit, check_bases, link_pushed
from weightmark_hooks.huggingface.permit import Permit, permitted
from weightmark_hooks.huggingface.stage import Stage, has_weights, is_own, staged
from weightmark_hooks.huggingface.target import Target, find_target

STAMP: Final = "WEIGHTMARK_HF_STAMP"
"""The environment variable that keeps the headers of safetensors files as they are: ``off``."""

FETCH_LIMIT: Final = 2 << 30
"""Bytes on the Hub that a push without weights may bring here to be read (2 GiB); with more, what the
repository holds now is not recorded anew."""

_log = logging.getLogger(__name__)
_background: Final[list[Future[Any]]] = []

Send = Callable[[Stage], Any]


def take_background() -> list[Future[Any]]:
    """Give the pushes that were started in the background and not asked for yet."""
    taken = [*_background]
    _background.clear()
    return taken


def in_background(api: Any, push: Callable[..., Any], options: Mapping[str, Any]) -> Future[Any]:
    """Push in the library's own background thread; a refusal is told in the log and kept for who asks."""
    future: Future[Any] = api.run_as_future(push, api, **{**options, "run_as_future": False})

    def tell(done: Future[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            message = error.message if isinstance(error, WeightmarkError) else type(error).__name__
            _log.error("a push in the background failed: %s", message)

    future.add_done_callback(tell)
    _background.append(future)
    return future


def push_folder(api: Any, original: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Do what ``HfApi.upload_folder`` does for a model, with the gate in between.

    Raises:
        RefusedError: the gate refuses, or it could not be asked; nothing was sent.
    """
    repo, into = str(options["repo_id"]), _inside(options.get("path_in_repo"))
    patterns = _list(options.get("delete_patterns"))
    sent = {key: options[key] for key in _CARRIED if key in options} | {
        "path_in_repo": "",
        "allow_patterns": None,
        "ignore_patterns": None,
        "delete_patterns": [f"{into}{pattern}" for pattern in patterns] or None,
    }

    def gather(stage: Stage, remote: Sequence[HubFile]) -> set[str]:
        _stage_folder(stage, Path(str(options["folder_path"])), into, options)
        return {file.path for file in remote if _matches(file.path, into, patterns)}

    def send(stage: Stage) -> Any:
        return original(api, repo_id=repo, folder_path=str(stage.folder), **sent)

    return _push(api, repo, options, gather, send)


def push_commit(api: Any, original: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Do what ``HfApi.create_commit`` does for a model, with the gate in between.

    Raises:
        RefusedError: the gate refuses, or it could not be asked; nothing was sent.
    """
    hub = sdk.load("huggingface_hub._commit_api")
    repo: str = options["repo_id"]
    operations: list[Any] = list(options["operations"])
    added = [one for one in operations if isinstance(one, hub.CommitOperationAdd)]
    others = [one for one in operations if not isinstance(one, hub.CommitOperationAdd)]
    carried = {key: options[key] for key in (*_CARRIED, "num_threads") if key in options}
    if all(is_own(one.path_in_repo) for one in added) and not _copies(hub, others):
        sizes = {str(one.path_in_repo): int(one.upload_info.size) for one in added}
        with permitted(Permit(repo=repo, sizes=sizes)):
            return original(api, repo_id=repo, operations=operations, **carried)

    def gather(stage: Stage, remote: Sequence[HubFile]) -> set[str]:
        _stage_operations(stage, added, repo)
        for copy in _copies(hub, others):
            _stage_copy(api, stage, copy, repo, options)
        return {file.path for file in remote if any(_deletes(one, file.path) for one in others)}

    def send(stage: Stage) -> Any:
        made = [
            hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(stage.folder / path))
            for path in sorted(stage.sent)
        ]
        kept = [one for one in others if not isinstance(one, hub.CommitOperationCopy)]
        return original(api, repo_id=repo, operations=[*kept, *made], **carried)

    result = _push(api, repo, options, gather, send)
    for one in added:
        one._is_committed = True  # noqa: SLF001 - as the library leaves it
    return result


_CARRIED: Final = (
    "commit_message",
    "commit_description",
    "token",
    "repo_type",
    "revision",
    "create_pr",
    "parent_commit",
)


def _push(
    api: Any,
    repo: str,
    options: Mapping[str, Any],
    gather: Callable[[Stage, Sequence[HubFile]], set[str]],
    send: Send,
) -> Any:
    tensors = os.environ.get(STAMP, "").lower() not in {"off", "0", "false", "no"}
    with staged(tensors=tensors) as stage:
        with failing_closed(f"to push hf://{repo}"):
            workspace = process_workspace()
            target = find_target(api, repo, options.get("revision"), token=options.get("token"))
            gone = gather(stage, target.files)
            outcome = _judge(workspace, target, stage, gone)
            stage.drop_brought()
            stage.check_unchanged()
            permit = Permit(repo=repo, sizes=stage.sizes())
        with permitted(permit):
            result = send(stage)
    sha = str(getattr(result, "oid", "") or "")
    if outcome is not None and sha and not options.get("create_pr"):
        link_pushed(workspace, repo, sha, outcome)
    return result


def _judge(workspace: Workspace, target: Target, stage: Stage, gone: set[str]) -> Outcome | None:
    """Judge a push; None when it brings no model, so that there is nothing to record."""
    left_out = BESIDE | {ATTRIBUTES} | gone | stage.sent
    stays = [file for file in target.files if file.path not in left_out]
    model = stage.weights or any(has_weights(file.path) for file in stays)
    size = sum(file.size for file in stays)
    if not model or (not stage.weights and size > FETCH_LIMIT):
        if model:
            _log.warning(
                "hf://%s holds %d bytes that are not here, so this push of other files is not recorded;"
                " `weightmark register hf://%s` records it",
                target.repo,
                size,
                target.repo,
            )
        _bring(target, stage, [file for file in stays if file.path in FACT_FILES])
        check_bases(workspace, target.repo, read_facts(stage.folder))
        return None
    _bring(target, stage, stays)
    outcome = admit(workspace, target.repo, stage)
    target.keep_bundle(stage, gone)
    return outcome


def _bring(target: Target, stage: Stage, files: Sequence[HubFile]) -> None:
    if files:
        target.fetch(files, stage.folder)
        stage.brought.update(file.path for file in files)


def _stage_folder(stage: Stage, folder: Path, into: str, options: Mapping[str, Any]) -> None:
    hub = sdk.load("huggingface_hub.utils")
    if not folder.is_dir():
        raise ValueError(f"Provided path: '{folder}' is not a directory")
    ignored = [*_list(options.get("ignore_patterns")), *getattr(hub, "DEFAULT_IGNORE_PATTERNS", _IGNORE)]
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("**/*")) if path.is_file()]
    chosen: Iterable[str] = hub.filter_repo_objects(
        names, allow_patterns=options.get("allow_patterns"), ignore_patterns=ignored
    )
    for name in chosen:
        if not is_own(f"{into}{name}"):
            stage.add(f"{into}{name}", folder / name)


def _stage_operations(stage: Stage, added: Sequence[Any], repo: str) -> None:
    for one in added:
        path = str(one.path_in_repo)
        if is_own(path):
            continue
        if getattr(one, "_is_uploaded", False):
            raise RefusedError(
                f"Weightmark cannot check, so it refuses to push {path} to hf://{repo}: its bytes were sent"
                " before the commit",
                undecided=True,
                hint="Leave preupload_lfs_files out; create_commit sends the files itself.",
            )
        if isinstance(one.path_or_fileobj, str):
            stage.add(path, Path(one.path_or_fileobj))
            continue

        def copy(target: Path, one: Any = one) -> None:
            with one.as_file() as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream)

        stage.receive(path, copy)


def _stage_copy(api: Any, stage: Stage, copy: Any, repo: str, options: Mapping[str, Any]) -> None:
    source = str(getattr(copy, "src_repo_id", None) or repo)
    if getattr(copy, "src_repo_type", None) not in {None, "model"}:
        raise MalformedError(f"{copy.src_path_in_repo} of {source} is copied from a repository of no model")
    revision = copy.src_revision or (options.get("revision") if source == repo else None)
    target = find_target(api, source, revision, token=options.get("token"))
    found = [file for file in target.files if file.path == copy.src_path_in_repo]
    if not found:
        raise MalformedError(f"hf://{source} has no file {copy.src_path_in_repo!r} to copy")
    aside = stage.folder / ".weightmark-copy"
    target.fetch(found, aside)
    stage.receive(str(copy.path_in_repo), (aside / found[0].path).replace)
    shutil.rmtree(aside, ignore_errors=True)


def _copies(hub: Any, operations: Sequence[Any]) -> list[Any]:
    return [one for one in operations if isinstance(one, hub.CommitOperationCopy)]


def _deletes(operation: Any, path: str) -> bool:
    if type(operation).__name__ != "CommitOperationDelete":
        return False
    name = str(operation.path_in_repo)
    return path.startswith(name.rstrip("/") + "/") if operation.is_folder else path == name


def _matches(path: str, into: str, patterns: Sequence[str]) -> bool:
    if not patterns or not path.startswith(into) or path == ".gitattributes":
        return False
    hub = sdk.load("huggingface_hub.utils")
    return bool([*hub.filter_repo_objects([path.removeprefix(into)], allow_patterns=[*patterns])])


def _inside(path: object) -> str:
    """Give the folder in the repository, with a slash at its end; empty for the top."""
    text = str(path or "").strip("/").removeprefix("./")
    return f"{text}/" if text not in {"", "."} else ""


def _list(patterns: object) -> list[str]:
    if patterns is None:
        return []
    return (
        [patterns] if isinstance(patterns, str) else [str(one) for one in cast("Iterable[object]", patterns)]
    )


_IGNORE: Final = (".git", ".git/*", "*/.git", "**/.git/**", ".cache/huggingface", ".cache/huggingface/*")
