"""A copy of a model that only this process's user can write to, and that was verified after it was made.

What is handed out is the copy: to change the original between the check and the use changes nothing.

Not promised: safety from the same user and from root, who can write to any file of ours. A process that is
killed leaves its copy behind.
"""

import errno
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Final

from weightmark.errors import WeightmarkError
from weightmark.model import Artifact, ArtifactFile
from weightmark.ports import ResolvedModel
from weightmark.workspace.reading import Progress

_BLOCK: Final = 16 << 20


class PrivateCopy:
    """A folder of our own with a model's files; deleted when it is closed, at the latest with the process.

    Args:
        resolved: the model.
        progress: told the bytes done and the bytes in all.

    Raises:
        MalformedError: the files are not safe to read, or change while they are read.
        WeightmarkError: they cannot be written.
    """

    def __init__(self, resolved: ResolvedModel, progress: Progress | None = None) -> None:
        artifact = resolved.open()
        folder = tempfile.mkdtemp(prefix="weightmark-open-")
        self._end = weakref.finalize(self, _remove, folder, os.getpid())
        try:
            root = Path(folder) / "model"
            copy_files(artifact, root, progress)
            self.path = root / artifact.files[0].path if artifact.single else root
            self.resolved = ResolvedModel(uri=resolved.uri, path=self.path, name=resolved.name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete it; closing twice does nothing."""
        self._end()


def copy_files(artifact: Artifact, root: Path, progress: Progress | None = None) -> None:
    """Copy a model's files, read through the descriptors that were checked.

    Args:
        artifact: the files.
        root: a folder that is not there yet.
        progress: told the bytes done and the bytes in all.

    Raises:
        MalformedError: a file cannot be read, or changed since it was listed.
        WeightmarkError: it cannot be written.
    """
    done, total = 0, artifact.size
    try:
        root.mkdir(mode=0o700)
        for file in artifact.files:
            target = root / file.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(file, target)
            done += file.size
            if progress is not None:
                progress(done, total)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise WeightmarkError(
            f"the model's {total} bytes cannot be written to {root.parent}: {error.strerror}",
            hint="Name a disk with room for them with TMPDIR." if full else "Check who may write there.",
        ) from error


def _remove(folder: str, owner: int) -> None:
    """Delete a folder, unless this is a forked process: then it is the parent's."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(file: ArtifactFile, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written, file.opened() as reader:
        reader.expect(0, file.size)
        for start in range(0, file.size, _BLOCK):
            written.write(reader.read(start, min(_BLOCK, file.size - start)))
