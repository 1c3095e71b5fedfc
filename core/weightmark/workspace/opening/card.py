"""A model's card, held against the registration before it is given."""

from collections.abc import Callable
from typing import Final

from weightmark.errors import DigestMismatchError, Failure
from weightmark.model import ModelManifest
from weightmark.ports import ResolvedModel
from weightmark.workspace.opening.opened import root_over

CARD: Final = "README.md"
MOST_CARD: Final = 1 << 20
"""Bytes of a card; a larger one is not given."""


def read_card(files: Callable[[], ResolvedModel], manifest: ModelManifest | None, uri: str) -> str:
    """Give the card as it was registered; empty when none was, or one that is too large.

    Args:
        files: gives the files; asked only when a card was registered.
        manifest: what was registered.
        uri: the model's name in messages.

    Raises:
        DigestMismatchError: the card is not as it was registered.
    """
    entry = None
    if manifest is not None:
        entry = next((file for file in manifest.files if file.path == CARD), None)
    if manifest is None or entry is None or entry.size > MOST_CARD:
        return ""
    artifact = files().open()
    file = artifact.find(CARD)
    data = b"" if file is None or file.size != entry.size else artifact.read(CARD, 0, file.size)
    if file is None or root_over(data, manifest.algorithm) != entry.root:
        reason = "missing" if file is None else "changed"
        raise DigestMismatchError(
            f"the card {CARD} of {uri} is not as it was registered",
            failures=(Failure(path=CARD, reason=reason),),
        )
    return data.decode("utf-8", "replace")
