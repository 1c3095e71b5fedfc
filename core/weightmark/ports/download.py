"""What an adapter downloads, and when it is deleted again."""

import atexit
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path


def delete_at_exit(folder: Path) -> None:
    """Delete a folder when the process ends."""
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def deleted_after() -> Generator[Callable[[Path], None], None, None]:
    """Give what is to be told each folder that is made; they are deleted at the end."""
    folders: list[Path] = []
    try:
        yield folders.append
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
