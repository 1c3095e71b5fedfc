"""The page about MLflow, typed: its Python in one process, its commands after it, on a database of theirs."""

import re
import shlex
from pathlib import Path

import pytest
from tests.workshop import Shell

from weightmark.workspace import process_workspace

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mlflow.md"
BLOCK = re.compile(r"^<!-- mlflow -->\n```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_can_be_done(tmp_path, monkeypatch):
    import mlflow

    import weightmark_hooks.mlflow as hook

    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "WEIGHTMARK_HOME": str(tmp_path / "home"),
        "WEIGHTMARK_PARTY": "acme",
        "MLFLOW_TRACKING_URI": "",
    }
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks] == ["python", "python", "python", "bash"]
    names: dict[str, object] = {}
    try:
        for kind, text in blocks:
            if kind == "python":
                exec(compile(text, str(PAGE), "exec"), names)
            else:
                for line in text.splitlines():
                    Shell(folder=tmp_path).run(*shlex.split(line)[1:])
        workspace = process_workspace()
        tuned, base = workspace.find("models:/churn-tuned/1"), workspace.find("models:/churn/1")
        parents = workspace.resources.index.parents(tuned.bundle)
    finally:
        hook.unprotect()
        mlflow.set_tracking_uri(None)
        process_workspace().close()
    assert base.license == "Apache-2.0"
    assert {parent.relation: parent.bundle or parent.uri for parent in parents} == {
        "fine-tune": base.bundle,
        "trained-on": f"mlflow-dataset:/customers@{names['data'].digest}",
    }
