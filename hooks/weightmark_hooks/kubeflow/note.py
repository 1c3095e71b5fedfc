"""Where a task that fails leaves its reason, and where the exit handler of the same run finds it.

kfp keeps neither the outputs nor the message of a task that failed. So the reason is written to the
workspace's home, which the tasks of a pipeline share: one small file for each task that failed.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from weightmark.encoding import Json
from weightmark.encoding.canonical import decode
from weightmark.errors import MalformedError
from weightmark.workspace.configuration import Configuration

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 1 << 16
"""A note is at most 64 KiB."""

MAX_NOTES: Final = 100
"""Of one run, at most so many are read."""

KEPT_SECONDS: Final = 30 * 24 * 3600
"""Notes of a run are deleted after 30 days."""


def leave(run: str, content: Mapping[str, Json]) -> bool:
    """Write a note for the exit handler of a run.

    Args:
        run: the run's identifier; empty when the task was not told it.
        content: why the task failed.

    Returns:
        Whether it could be written; the task fails with its own reason either way.
    """
    if not run:
        return False
    data = json.dumps(dict(content), ensure_ascii=False).encode("utf-8", "backslashreplace")
    if len(data) > MAX_BYTES:
        short = {key: value for key, value in content.items() if isinstance(value, (str, bool))}
        data = json.dumps(
            {key: value[:2000] if isinstance(value, str) else value for key, value in short.items()}
        ).encode()
    try:
        folder = _folder(run)
        _sweep(folder.parent)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        draft = folder / f"{name}.part"
        draft.write_bytes(data)
        draft.rename(folder / f"{name}.json")
    except (OSError, MalformedError) as error:
        _log.warning("the reason could not be left for the exit handler: %s", error)
        return False
    return True


def find(run: str) -> list[dict[str, Any]]:
    """Read the notes of a run, oldest first; what is damaged is left out.

    Args:
        run: the run's identifier.

    Returns:
        What the tasks of the run left.
    """
    found: list[dict[str, Any]] = []
    try:
        files = sorted(_folder(run).glob("*.json"))[:MAX_NOTES] if run else []
    except (OSError, MalformedError) as error:
        _log.warning("the notes of the run cannot be read: %s", error)
        return []
    for file in files:
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            content = decode(data, what=str(file)) if len(data) <= MAX_BYTES else None
        except (OSError, MalformedError) as error:
            _log.warning("%s is left out: %s", file.name, error)
            continue
        if isinstance(content, Mapping):
            found.append(dict(content))
    return found


def _folder(run: str) -> Path:
    name = hashlib.sha256(run.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return Configuration.load().home / "kubeflow" / name


def _sweep(root: Path) -> None:
    """Delete the notes of runs that are long over."""
    if not root.is_dir():
        return
    oldest = time.time() - KEPT_SECONDS
    with os.scandir(root) as entries:
        old = [entry.path for entry in entries if entry.stat(follow_symlinks=False).st_mtime < oldest]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
