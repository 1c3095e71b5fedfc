import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["weightmark_hooks.mlflow", "weightmark_adapters.mlflow", "weightmark_adapters.file"]
)
def test_importing_a_hook_or_an_adapter_brings_no_sdk(module):
    code = (
        f"import {module}, sys; print(sorted({{'mlflow', 'torch', 'sklearn', 'flask'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
