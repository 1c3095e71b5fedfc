"""What is shipped beside the code: components compiled from it, and the definition of their image."""

import re
from pathlib import Path

import pytest
from tests.workshop import Shell

from weightmark_hooks import kubeflow
from weightmark_hooks.kubeflow.component import IMAGE, image_name, steps
from weightmark_hooks.kubeflow.shipping import FOLDER, PIPELINE, compile_all, normalise

pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[3]
CONTAINERFILE = FOLDER.parent / "Containerfile"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("components")
    compile_all(folder)
    return folder


@pytest.mark.parametrize("name", [*kubeflow.NAMES, PIPELINE])
def test_the_shipped_file_is_what_the_code_compiles_to(compiled: Path, name: str):
    shipped, fresh = ((folder / f"{name}.yaml").read_text() for folder in (FOLDER, compiled))
    hint = "write it anew: weightmark kfp components --out hooks/weightmark_hooks/kubeflow/components"
    assert normalise(shipped) == normalise(fresh), hint


def test_nothing_else_is_shipped_there():
    assert {file.stem for file in FOLDER.iterdir()} == {*kubeflow.NAMES, PIPELINE}


def test_components_are_imported_by_name_and_there_are_no_others():
    assert {name: step.name for name, step in steps().items()} == {
        name: name.replace("_", "-") for name in kubeflow.NAMES
    }
    assert kubeflow.license_gate is steps()["license_gate"]
    assert set(kubeflow.NAMES) <= set(dir(kubeflow))
    with pytest.raises(AttributeError):
        _ = kubeflow.license_gates


def test_the_image_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(IMAGE, "registry.example.org/weightmark-python:2")
    assert image_name() == "registry.example.org/weightmark-python:2"
    shell = Shell(folder=tmp_path)
    told = shell.json("kfp", "components", "--out", tmp_path / "out")
    assert len(told["files"]) == len(kubeflow.NAMES) + 1
    assert "image: registry.example.org/weightmark-python:2" in Path(told["files"][0]).read_text()
    shell.run("kfp", "components", "--out", tmp_path / "out", "--image", "other-python:3")
    assert "image: other-python:3" in Path(told["files"][0]).read_text()
    shell.fail("kfp", "components", "--out", tmp_path / "out", "--image", "two words", code=1)


def test_the_images_definition_copies_what_there_is_and_pins_what_it_stands_on():
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines:
        if line.startswith("COPY") and "--from=" not in line:
            for source in line.split()[1:-1]:
                assert source.startswith("dist/weightmark-") or (ROOT / source).is_file(), source
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert bases
    assert all(re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert len(set(bases)) == 1
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 10001:10001"]
    assert not re.search(r"(?i)password|secret|token=|curl|wget", text)
    instructions = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert instructions <= {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER"}
