"""One person's world: AWS on this machine, an empty home, a model; and no guard left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.sagemaker.aws import Aws
from tests.workshop import write_model

from weightmark.workspace import Workspace, asking
from weightmark_hooks.sagemaker import unprotect

PARTY = "acme"


class World:
    """What a test works with.

    Attributes:
        aws: the account.
        folder: a folder of its own.
        home: where the keys and the ledger are.
    """

    def __init__(self, aws: Aws, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        self.home = folder / "home"
        self._count = 0

    def model(self, license_: str = "", **card: str) -> Path:
        """Write a model that is like no other; its licence stands on its card."""
        self._count += 1
        stated = {**({"license": license_} if license_ else {}), **card}
        text = "\n".join(f"{key}: {value}" for key, value in stated.items())
        values = [float(self._count), 2.5, float(abs(hash(str(self.folder))) % 9999)]
        folder = self.folder / f"model-{self._count}"
        return write_model(folder, {"dense.weight": values}, card=f"---\n{text}\n---\n" if text else "")

    def published(self, license_: str = "", **more: Any) -> str:
        """Register a package past any guard; give its ARN."""
        return self.aws.package(self.aws.group(), self.aws.upload(self.model(license_)), **more)

    def workspace(self) -> Workspace:
        return asking.process_workspace()

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self.aws.describe(arn).get("CustomerMetadataProperties", {}))


def world_of(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world, and take it down."""
    for name, value in {**aws.environment, "WEIGHTMARK_HOME": str(folder / "home")}.items():
        patch.setenv(name, value)
    patch.setenv("WEIGHTMARK_PARTY", PARTY)
    _forget()
    try:
        yield World(aws, folder)
    finally:
        unprotect()
        _forget()


def _forget() -> None:
    for workspace in asking._opened.values():
        workspace.close()
    asking._opened.clear()
