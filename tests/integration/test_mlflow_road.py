"""The demo ends its server however it is ended itself."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROAD = Path(__file__).parents[2] / "examples" / "mlflow_road.py"


def test_a_demo_that_is_terminated_leaves_no_server_behind(tmp_path):
    with (tmp_path / "out").open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, str(ROAD), "--folder", str(tmp_path / "demo")], stdout=output, stderr=output
        )
    log, deadline = tmp_path / "demo" / "mlflow" / "server.log", time.monotonic() + 120
    while not log.exists() and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert log.exists()
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(60) == 128 + signal.SIGTERM
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "demo") not in listed
