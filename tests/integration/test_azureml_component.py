"""The pipeline component: read by the SDK, and its command run as Azure ML would run it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workshop import flip_byte, write_model

import weightmark_hooks.azureml as package
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
FILE = Path(package.__file__).with_name("component.yaml")


@pytest.fixture(scope="module")
def component():
    from azure.ai.ml import load_component

    return load_component(FILE)


@pytest.fixture
def model(tmp_path) -> Path:
    return write_model(tmp_path / "model", card="---\nlicense: mit\n---\n")


def register(tmp_path: Path, model: Path) -> None:
    with Workspace(Configuration.load({"home": str(tmp_path / "home"), "party": "acme"})) as workspace:
        event = ModelEvent(kind=EventKind.REGISTER, uri=str(model), name="churn")
        assert workspace.handle(event).allowed


def run(component, tmp_path: Path, model: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Fill in the command as Azure ML does, and run it."""
    (tmp_path / "out").mkdir(exist_ok=True)
    known = {"model": str(model), "home": str(tmp_path / "home"), "action": "deploy", **inputs}
    text = re.sub(r"\$\[\[(.*?)\]\]", lambda part: part[1] if "party" in known else "", component.command)
    text = re.sub(r"\$\{\{inputs\.(\w+)\}\}", lambda part: known[part[1]], text)
    text = text.replace("${{outputs.decision}}", str(tmp_path / "out"))
    assert "${{" not in text
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    environ = {"PATH": path, "HOME": str(tmp_path), "WEIGHTMARK_PARTY": "acme"}
    return subprocess.run(
        ["bash", "-c", text], env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_sdk_reads_it(component):
    assert component.name == "weightmark_gate"
    assert set(component.inputs) == {"model", "home", "action", "party"}
    assert component._validate().passed


def test_a_pipeline_takes_it(component):
    from azure.ai.ml import Input, dsl

    @dsl.pipeline
    def road():
        gate = component(
            model=Input(path="azureml:churn:3", type="custom_model"), home=Input(path="azureml:home:1")
        )
        return {"decision": gate.outputs.decision}

    assert list(road().jobs) == ["gate"]


def test_a_registered_model_passes(component, tmp_path, model):
    register(tmp_path, model)
    done = run(component, tmp_path, model)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "decision.json").read_text())["outcome"] == "allowed"


def test_a_licence_that_forbids_it_fails_the_job(component, tmp_path):
    model = write_model(tmp_path / "model", card="---\nlicense: cc-by-nc-4.0\n---\n")
    register(tmp_path, model)
    done = run(component, tmp_path, model, party="acme")
    assert done.returncode == 4, done.stdout + done.stderr
    assert json.loads((tmp_path / "out" / "decision.json").read_text())["outcome"] == "refused"


def test_a_changed_model_fails_the_job(component, tmp_path, model):
    register(tmp_path, model)
    flip_byte(model / "model.safetensors", -1)
    assert run(component, tmp_path, model).returncode == 3
