"""The page on SageMaker: its Python is run, block after block, as a person would type it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.world import World

aws, world = fixture.aws, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "sagemaker.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_example_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PAGE.parents[2] / "examples" / "sagemaker_road.py")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("✗") == 3


def test_the_page_holds(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"MODEL_DATA": world.aws.upload(world.model())}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    assert "CC-BY-NC-4.0" in capsys.readouterr().out
    assert len(BLOCKS) == 4
    client = world.aws.client("sagemaker")
    assert client.describe_pipeline(PipelineName="churn")["PipelineDefinition"] == names["definition"]
    (execution,) = client.list_pipeline_executions(PipelineName="churn")["PipelineExecutionSummaries"]
    assert execution["PipelineExecutionArn"]
