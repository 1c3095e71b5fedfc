"""The page on Kubeflow says what works: its Python is run, its pipelines are compiled, linted and run."""

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from kfp.compiler import Compiler
from tests.integration.kubeflow.local_run import run

from weightmark_hooks.kubeflow.lint import lint
from weightmark_hooks.kubeflow.pipeline import Pipeline

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/kubeflow.md").read_text(encoding="utf-8")
NEW_RUNNER = tuple(int(part) for part in version("kfp").split(".")[:2]) >= (2, 17)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory):
    """Put the page's pipelines into a module, and import it as a reader would."""
    folder = tmp_path_factory.mktemp("page")
    pipelines = [block for block in BLOCKS if "@dsl.pipeline" in block]
    assert len(pipelines) == 2
    (folder / "page_of_kubeflow.py").write_text("\n".join(pipelines))
    spec = importlib.util.spec_from_file_location("page_of_kubeflow", folder / "page_of_kubeflow.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["page_of_kubeflow"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["page_of_kubeflow"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["pipeline", "softly"])
def test_the_pages_pipelines_let_nothing_past(page, folder: Path, name: str):
    file = folder / "pipeline.yaml"
    Compiler().compile(getattr(page, name), package_path=str(file))
    found = lint(Pipeline(file.read_bytes(), what=name))
    assert found.findings == ()
    assert len(found.gates) == 1


def test_the_pages_pipeline_runs_to_its_end(page, folder: Path):
    done = run(page.pipeline, folder / "root")
    assert not done.failed(), done.text
    assert done.ran("deploy")
    if NEW_RUNNER:
        assert run(page.softly, folder / "root").ran("record-failure")


def test_the_guards_lines_run(folder: Path):
    del folder
    (block,) = [block for block in BLOCKS if "protect()" in block]
    from model_registry import ModelRegistry

    import weightmark_hooks.kubeflow

    before = ModelRegistry.register_model
    exec(compile(block, "the page", "exec"), {})
    assert ModelRegistry.register_model is not before
    weightmark_hooks.kubeflow.unprotect()
    assert ModelRegistry.register_model is before


def test_the_page_names_every_component_and_its_outputs():
    from weightmark_hooks.kubeflow.component import steps

    for name, step in steps().items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
        for output, spec in step.component.component_spec.outputs.items():
            if spec.type.startswith(("system.Model@", "system.Artifact@")):
                assert f"`{output}`" in row, (name, output)


def test_the_example_holds(tmp_path: Path):
    command = [sys.executable, str(ROOT / "examples/kubeflow_road.py"), "--folder", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("every step held")
    assert "CC-BY-NC-4.0" in done.stdout
