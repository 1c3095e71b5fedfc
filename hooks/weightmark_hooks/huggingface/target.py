"""Where a push goes: the repository as it is before it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightmark.attribution import BUNDLE
from weightmark.claims import Bundle
from weightmark.errors import WeightmarkError
from weightmark_adapters.huggingface import content, sdk
from weightmark_adapters.huggingface.content import HubFile, files_of
from weightmark_hooks.huggingface.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A repository, and with whose token it is read.

    Attributes:
        repo: ``organisation/model``.
        revision: the commit that the push stands on; empty when there is none.
        files: what it holds.
        token: as the library takes it; None for the user's own.
    """

    repo: str
    revision: str = ""
    files: tuple[HubFile, ...] = ()
    token: str | bool | None = None

    def fetch(self, files: Sequence[HubFile], folder: Path) -> None:
        """Bring files of it here.

        Raises:
            PlatformError: the Hub refused or failed.
            DigestMismatchError: a file is not what the Hub lists.
        """
        content.fetch(self.repo, self.revision, files, folder, token=self.token)

    def keep_bundle(self, stage: Stage, gone: set[str]) -> None:
        """Send no new bundle when the one there holds the same statement: only its checkpoint is older."""
        present = [file for file in self.files if file.path == BUNDLE and BUNDLE not in gone]
        if not present or BUNDLE not in stage.sent:
            return
        aside = stage.folder / ".weightmark"
        try:
            self.fetch(present, aside)
            old = Bundle.decode((aside / BUNDLE).read_bytes(), what="the bundle on the Hub")
            new = Bundle.decode((stage.folder / BUNDLE).read_bytes(), what="the new bundle")
        except WeightmarkError:
            return
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        if old.envelope.payload == new.envelope.payload:
            (stage.folder / BUNDLE).unlink()
            stage.sent.discard(BUNDLE)


def find_target(api: Any, repo: str, revision: str | None, *, token: str | bool | None) -> Target:
    """Look at a repository; one that is not there is an empty one.

    Args:
        api: the library's client, whose own token counts when the call has none.
        repo: ``organisation/model``.
        revision: a branch, a tag or a commit; None for the default branch.
        token: the call's.

    Raises:
        PlatformError: the Hub refused or failed.
    """
    used = token if token is not None else getattr(api, "token", None)
    errors = sdk.load("huggingface_hub.errors")
    with sdk.speaking(f"hf://{repo}"):
        try:
            info = api.model_info(repo, revision=revision, files_metadata=True, token=used)
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
            return Target(repo=repo, token=used)
    return Target(repo=repo, revision=str(info.sha), files=files_of(info), token=used)
