"""Importing us pulls in no platform: each import is tried in a fresh interpreter."""

import json
import subprocess
import sys
from importlib.metadata import distribution

import pytest

PLATFORMS = {
    "azure",
    "boto3",
    "botocore",
    "fastapi",
    "flask",
    "huggingface_hub",
    "kfp",
    "mlflow",
    "numpy",
    "pandas",
    "requests",
    "safetensors",
    "sagemaker",
    "sklearn",
    "starlette",
    "torch",
    "transformers",
    "uvicorn",
    "wandb",
}
LAZY = {"sqlalchemy", "rich", "license_expression"}
OURS = sorted(
    {entry.module for entry in distribution("weightmark").entry_points if entry.group == "weightmark"}
    | {"weightmark.cli", "weightmark.discovery", "weightmark.workspace"}
)


def imported_by(statement: str) -> set[str]:
    """Run a statement in a new interpreter and name the top-level modules that are there afterwards."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_imported_by_sees_what_is_imported() -> None:
    assert "sqlite3" in imported_by("import sqlite3")


def test_our_plugins_are_found() -> None:
    assert any(module.startswith("weightmark_plugins.") for module in OURS)


@pytest.mark.parametrize("module", OURS)
def test_module_imports_no_platform(module: str) -> None:
    assert imported_by(f"import {module}") & PLATFORMS == set()


def test_hook_of_mlflow_is_imported_by_mlflow_and_imports_it_late() -> None:
    assert "mlflow" not in imported_by("import weightmark_hooks.mlflow")


def test_face_is_light() -> None:
    assert imported_by("import weightmark") & (PLATFORMS | LAZY) == set()


def test_no_package_hides_a_name_of_the_face() -> None:
    imported_by(
        "import weightmark, weightmark.fingerprinting, weightmark.cli.fingerprint; weightmark.Workspace\n"
        "assert all(getattr(weightmark, name) is not None for name in weightmark.__all__)\n"
        "assert callable(weightmark.fingerprint) and callable(weightmark.check)"
    )


def test_help_is_light() -> None:
    statement = (
        "import sys; from weightmark.cli import main; sys.argv = ['weightmark', '--help']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert imported_by(statement) & (PLATFORMS | LAZY - {"rich"}) == set()
