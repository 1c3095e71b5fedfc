"""``weightmark doctor`` asks every platform of this house, in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weightmark.cli.doctor import PATIENCE_SECONDS

pytestmark = pytest.mark.integration

PLATFORMS = [
    "azureml",
    "file",
    "huggingface",
    "kubeflow",
    "mlflow",
    "remote",
    "sagemaker",
    "trackio",
    "wandb",
]
KEY = "0123456789abcdef0123456789abcdef01234567"


def test_every_platform_is_looked_at_and_no_secret_is_said(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHTMARK_")}
    environment |= {
        "HOME": str(tmp_path),
        "WEIGHTMARK_HOME": str(tmp_path / "home"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": "http://alice:hunter2@127.0.0.1:9",
        "WANDB_API_KEY": KEY,
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "HF_TOKEN": "hf_hunter2",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "weightmark", "doctor", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - started < PATIENCE_SECONDS + 20
    found = json.loads(done.stdout)
    assert [each["platform"] for each in found["platforms"]] == PLATFORMS
    assert "hunter2" not in done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr
    unreachable = [each for each in found["platforms"] if each["reachable"] is False]
    assert all(each["hint"] for each in unreachable)
