"""Files from several places, seen as the one folder that they will be."""

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from weightmark.model.path import check_path


@contextmanager
def gathered(files: Mapping[str, str | os.PathLike[str]]) -> Generator[Path, None, None]:
    """Lay files out under their names, in a folder that is deleted at the end.

    Nothing is copied where the file system knows hard links: the folder is made beside the largest file.

    Args:
        files: where each file lies, by its path in the folder.

    Raises:
        MalformedError: a path climbs.
        OSError: a file cannot be read, or there is no room.
    """
    largest = max(files.values(), key=lambda place: Path(place).stat().st_size)
    folder = _make_folder(Path(largest).resolve().parent)
    try:
        for path, place in files.items():
            check_path(path, what="the artifact")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(Path(place).resolve(), target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(beside: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".weightmark-", dir=beside))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="weightmark-"))


def _place(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, target)
