"""The page on Azure ML, its code run from top to bottom against the stand-in."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from examples import azureml_guard
from tests.integration.azureml.world import SUBSCRIPTION, URI, Credential, running
from tests.workshop import write_model

from weightmark.cli import application
from weightmark.workspace import asking
from weightmark_adapters.azureml import disconnect
from weightmark_hooks import azureml
from weightmark_hooks.azureml import allowlist

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "azureml.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_console(text: str) -> None:
    for line in text.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        if words[0] == "weightmark":
            result = CliRunner().invoke(application, words[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}"
        else:
            assert words[:3] == ["python", "-m", "weightmark_hooks.azureml.allowlist"], line
            assert allowlist.main(words[3:]) == 0


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A person's folder with a model and a ``config.json``, and the workspace that it names."""
    import azure.identity

    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    place = {"subscription_id": SUBSCRIPTION, "resource_group": "rg", "workspace_name": "ws"}
    (tmp_path / "config.json").write_text(json.dumps(place))
    world_folder = tmp_path / "world"
    world_folder.mkdir()
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Credential)
    monkeypatch.setattr(asking, "_opened", {})
    with running(world_folder) as made:
        try:
            yield made
        finally:
            azureml.unprotect()
            disconnect()
            for opened in asking._opened.values():
                opened.close()


def test_the_page_holds(world, capsys):
    blocks = BLOCK.findall(PAGE)
    assert [kind for kind, _ in blocks].count("python") >= 6
    names: dict[str, object] = {}
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, "azureml.md", "exec"), names)
        else:
            run_console(text)
    assert "allowedAssetIds" in capsys.readouterr().out
    assert list(names["release"]().jobs) == ["checked"]
    with world.workspace() as workspace:
        found = {workspace.find(f"{URI}/models/churn/versions/{number}").bundle for number in (3, 4)}
    assert len(found) == 1


def test_the_example_holds(world, capsys):
    base = world.base()
    assert azureml_guard.main(["model", "--name", "churn", "--license", "apache-2.0"]) == 0
    assert "promoted azureml:churn:1" in capsys.readouterr().out
    folder = str(world.folder_of())
    assert azureml_guard.main([folder, "--name", "other", "--license", "mit", "--base", base]) == 4
    assert base in capsys.readouterr().err


def test_every_gate_and_every_uri_of_the_page_is_real():
    from azure.ai.ml.operations import ModelOperations

    for call in re.findall(r"`models\.(\w+)`", PAGE):
        assert hasattr(ModelOperations, call)
