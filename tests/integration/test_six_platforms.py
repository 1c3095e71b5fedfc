"""One model through five platforms at once, as a person would walk it: refused, then allowed, everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

WALK = Path(__file__).parents[2] / "examples" / "six_platforms.py"


def test_one_model_has_one_verdict_on_every_platform(tmp_path):
    folder = tmp_path / "walk"
    done = subprocess.run(
        [sys.executable, str(WALK), "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same weights everywhere" in done.stdout
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in listed
