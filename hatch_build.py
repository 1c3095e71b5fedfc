"""Puts the start-up file of the hooks at the top of the wheel, of an editable one too."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

START_UP = {"hooks/weightmark_hooks.pth": "weightmark_hooks.pth"}


class StartUpHook(BuildHookInterface):
    """Adds the file; Python runs a ``.pth`` file only at the top of a site folder."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to the wheel that is built."""
        build_data["force_include_editable" if version == "editable" else "force_include"].update(START_UP)
