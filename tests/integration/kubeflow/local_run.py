"""Pipelines run by kfp's own local runner, each task a process of its own, and what is left of a run."""

import contextlib
import io
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfp import local
from kfp.local import SubprocessRunner


@dataclass(kw_only=True)
class Run:
    """What is left of one run.

    Attributes:
        folder: where its artifacts lie.
        text: what its tasks wrote.
        logged: what the runner itself said.
    """

    folder: Path
    text: str
    logged: str
    _read: dict[str, Any] = field(default_factory=dict)

    def ran(self, task: str) -> bool:
        """Say whether a task ended well."""
        return (self.folder / task / "executor_output.json").exists()

    def output(self, task: str) -> dict[str, Any]:
        """Read what a task handed on."""
        return dict(json.loads((self.folder / task / "executor_output.json").read_text()))

    def metadata(self, task: str, artifact: str) -> dict[str, Any]:
        """Read the metadata of an artifact that a task made."""
        return dict(self.output(task)["artifacts"][artifact]["artifacts"][0]["metadata"])

    def uri(self, task: str, artifact: str) -> str:
        """Read the URI of an artifact that a task made."""
        return str(self.output(task)["artifacts"][artifact]["artifacts"][0]["uri"])

    def values(self, task: str) -> dict[str, Any]:
        """Read the parameters that a task put out."""
        return dict(self.output(task).get("parameterValues", {}))

    def read(self, task: str, artifact: str) -> str:
        """Read an artifact that a task wrote, whether it ended well or not."""
        return (self.folder / task / artifact).read_text()

    def failed(self) -> bool:
        """Say whether the run failed."""
        return "FAILURE" in self.text + self.logged


def run(pipeline: Any, root: Path, **arguments: Any) -> Run:
    """Run a pipeline; a task that fails ends it, and is no error here."""
    root.mkdir(parents=True, exist_ok=True)
    before = set(root.iterdir())
    local.init(
        runner=SubprocessRunner(use_venv=False),
        pipeline_root=str(root),
        raise_on_error=False,
    )
    text, logged = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(logged):
            pipeline(**arguments)
    finally:
        logging.getLogger().removeHandler(handler)
    (folder,) = set(root.iterdir()) - before
    return Run(folder=folder, text=text.getvalue(), logged=logged.getvalue())
