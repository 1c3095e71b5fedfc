"""Puts the hook into Hugging Face's library, and takes it out again."""

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from weightmark_adapters.huggingface import sdk
from weightmark_hooks.huggingface import loading, push, wire
from weightmark_hooks.huggingface.permit import is_continued

_lock: Final = threading.Lock()
_undo: Final[list[Callable[[], None]]] = []


def put_in() -> None:
    """Guard pushes and loads of this process; see ``weightmark_hooks.huggingface.protect``.

    Raises:
        MissingExtraError: Hugging Face's library is not installed.
    """
    with _lock:
        if _undo:
            return
        api = sdk.load("huggingface_hub.hf_api").HfApi
        for name, replacement in (
            ("upload_folder", _guarded(api.upload_folder, push.push_folder)),
            ("create_commit", _guarded(api.create_commit, push.push_commit)),
            ("upload_large_folder", _large(getattr(api, "upload_large_folder", None))),
        ):
            if replacement is not None:
                _replace_method(api, name, replacement)
        download = sdk.load("huggingface_hub.file_download")
        snapshot = sdk.load("huggingface_hub._snapshot_download")
        _replace_function(download, "hf_hub_download", _checked_file(download.hf_hub_download))
        _replace_function(download, "try_to_load_from_cache", _checked_cache(download.try_to_load_from_cache))
        _replace_function(snapshot, "snapshot_download", _checked_snapshot(snapshot.snapshot_download))
        _undo.append(wire.install())


def take_out() -> None:
    """Leave the library as it was before ``put_in``."""
    with _lock:
        while _undo:
            _undo.pop()()
        loading.forget()


def _guarded(original: Callable[..., Any], gated: Callable[..., Any]) -> Callable[..., Any]:
    """Put the gate before a method of the library's that pushes."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        options = dict(signature.bind(self, *args, **kwargs).arguments)
        options.pop("self")
        if not _is_model(options) or _is_ours(options):
            return original(self, *args, **kwargs)
        if options.get("run_as_future"):
            return push.in_background(self, method, options)
        options.pop("run_as_future", None)
        return gated(self, original, options)

    method.weightmark = True  # type: ignore[attr-defined]
    return method


def _large(original: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Let large folders go the one way on which they are read before they are sent."""
    if original is None:
        return None
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        options = dict(signature.bind(self, *args, **kwargs).arguments)
        if not _is_model(options):
            return original(self, *args, **kwargs)
        self.create_repo(options["repo_id"], private=options.get("private"), exist_ok=True)
        kept = {"repo_id", "folder_path", "revision", "allow_patterns", "ignore_patterns"}
        return self.upload_folder(**{key: value for key, value in options.items() if key in kept})

    return method


def _is_model(options: Mapping[str, Any]) -> bool:
    """Say whether a push is one of a model; data sets and spaces have rules of their own and pass."""
    return options.get("repo_type") in {None, "model"}


def _is_ours(options: Mapping[str, Any]) -> bool:
    """Say whether the library calls itself with what the gate has let pass already."""
    added = [one for one in _operations(options) if hasattr(one, "upload_info")]
    sizes = {str(one.path_in_repo): int(one.upload_info.size) for one in added}
    return bool(sizes) and is_continued(str(options["repo_id"]), sizes)


def _operations(options: Mapping[str, Any]) -> Iterable[Any]:
    """Give the operations of a commit, when they can be looked at more than once."""
    operations: Any = options.get("operations")
    return operations if hasattr(operations, "append") else ()


def _checked_file(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        options = signature.bind(*args, **kwargs).arguments
        if _is_model(options) and isinstance(result, str):
            name = _file_of(options)
            sha = loading.commit_of(Path(result), name, options.get("local_dir"))
            loading.check_file(str(options["repo_id"]), name, Path(result), sha)
        return result

    return function


def _checked_cache(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        options = signature.bind(*args, **kwargs).arguments
        if _is_model(options) and isinstance(result, str):
            sha = loading.commit_of(Path(result), "", None)
            loading.check_file(str(options["repo_id"]), str(options["filename"]), Path(result), sha)
        return result

    return function


def _checked_snapshot(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        options = signature.bind(*args, **kwargs).arguments
        if _is_model(options) and isinstance(result, str) and options.get("local_dir") is None:
            folder = Path(result)
            loading.check_folder(str(options["repo_id"]), folder, loading.commit_of(folder, "", None))
        return result

    return function


def _file_of(options: Mapping[str, Any]) -> str:
    folder = options.get("subfolder")
    return f"{folder}/{options['filename']}" if folder else str(options["filename"])


def _replace_method(cls: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Replace a method of a class, and the names under which modules keep it bound."""
    original = getattr(cls, name)
    setattr(cls, name, replacement)
    _rebind(name, lambda value: getattr(value, "__func__", None) is original, lambda value: value.__self__)

    def restore() -> None:
        setattr(cls, name, original)
        _rebind(
            name, lambda value: getattr(value, "__func__", None) is replacement, lambda value: value.__self__
        )

    _undo.append(restore)


def _replace_function(module: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Replace a function in every module that took it by name."""
    original = getattr(module, name)

    def swap(old: Any, new: Any) -> None:
        for other in [*sys.modules.values()]:
            members: dict[str, Any] = getattr(other, "__dict__", {})
            if members.get(name) is old:
                members[name] = new

    swap(original, replacement)
    _undo.append(lambda: swap(replacement, original))


def _rebind(name: str, fits: Callable[[Any], bool], holder: Callable[[Any], Any]) -> None:
    for module in [*sys.modules.values()]:
        members: dict[str, Any] = getattr(module, "__dict__", {})
        value = members.get(name)
        if value is not None and fits(value):
            members[name] = getattr(holder(value), name)
