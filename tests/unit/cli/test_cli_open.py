"""``weightmark open``: what a tier gives, on paper and as files."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell, flip_byte, write_model


@pytest.fixture
def lent(shell: Shell, model: Path) -> Path:
    """A model whose licence nobody knows, lent to bigcorp as inference."""
    shell.run("register", model, "--license", "LicenseRef-none-of-yours", "--mine")
    shell.run("grant", model, "--to", "bigcorp", "--for", "inference")
    return model


@pytest.mark.parametrize("tier", ["metadata", "read-only", "inference", "fine-tune", "full"])
def test_the_owner_sees_what_each_tier_holds(shell: Shell, lent: Path, tier: str) -> None:
    answer = shell.json("open", lent, "--as", tier)
    holds("open", answer)
    assert answer["metadata"]["owner"] == "acme"
    assert (answer["architecture"] is not None) == (tier in {"read-only", "fine-tune", "full"})
    assert ("download-weights" in answer["capabilities"]) == (tier in {"fine-tune", "full"})
    shown = shell.run("open", lent, "--as", tier).stdout
    assert ("dense.weight  float32  [4]" in shown) == (answer["architecture"] is not None)


def test_who_is_lent_less_than_the_tier_holds_is_told_so(shell: Shell, lent: Path) -> None:
    assert shell.run("open", lent, "--as", "inference", "--party", "bigcorp").exit_code == 0
    answer = shell.json("open", lent, "--as", "fine-tune", "--party", "bigcorp", code=5)
    holds("open", answer)
    assert {name: each["allowed"] for name, each in answer["capabilities"].items()} == {
        "view-metadata": True,
        "view-architecture": False,
        "infer": True,
        "download-weights": False,
    }
    assert answer["architecture"] is None
    shown = shell.run("open", lent, "--as", "fine-tune", "--party", "bigcorp", code=5).stdout
    assert "weightmark grant churn --to bigcorp --for download-weights" in shown
    stranger = shell.json("open", lent, "--as", "metadata", "--party", "nobody", code=5)
    assert stranger["metadata"] is None


def test_files_are_written_only_as_a_tier_that_holds_them(shell: Shell, lent: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    refused = shell.fail("open", lent, "--as", "inference", "--out", target, code=4)
    assert "does not hold download-weights" in refused
    shell.fail("open", lent, "--as", "full", "--party", "bigcorp", "--out", target, code=5)
    assert not target.exists()
    answer = shell.json("open", lent, "--as", "full", "--out", target)
    holds("open", answer)
    assert str(target / "model") in answer["written"]
    shell.run(
        "verify",
        target / "model",
        "--bundle",
        target / "weightmark.bundle.json",
        "--manifest",
        target / "weightmark.manifest.json",
        "--trust",
        Path(str(shell.env["WEIGHTMARK_HOME"])) / "trust.json",
    )
    shell.fail("open", lent, "--as", "full", "--out", target, code=1)


def test_what_was_changed_is_not_opened(shell: Shell, lent: Path, tmp_path: Path) -> None:
    flip_byte(lent / "model.safetensors", -1)
    words = ("open", lent, "--as", "full", "--out", tmp_path / "copy")
    assert "dense.bias" in shell.fail(*words, code=3)
    failed = shell.json(*words, code=3)
    holds("error", failed)
    assert not (tmp_path / "copy").exists()


def test_what_nothing_runs_is_said_with_what_could(shell: Shell, lent: Path) -> None:
    np.save("x.npy", np.zeros(3))
    message = shell.fail("open", lent, "--as", "inference", "--input", "x.npy", "--output", "y.npz", code=1)
    assert "onnx runs a model with one .onnx file" in message
    assert "mlflow runs a folder with an MLmodel file" in message


def test_wrong_use_is_a_usage_error(shell: Shell, lent: Path) -> None:
    np.save("x.npy", np.zeros(3))
    for words in (
        ["open", lent],
        ["open", lent, "--as", "platinum"],
        ["open", lent, "--as", "inference", "--input", "x.npy"],
        ["open", lent, "--as", "inference", "--output", "y.npz"],
    ):
        assert shell.call(*words).exit_code == 2
    Path("bad.npz").write_bytes(b"no arrays")
    shell.fail("open", lent, "--as", "inference", "--input", "bad.npz", "--output", "y.npz", code=1)


def test_names_of_strangers_are_shown_safely(shell: Shell) -> None:
    evil = write_model(shell.folder / "evil", {"a\x1b[2J\nb": [1.0]})
    shell.run("register", evil, "--license", "mit", "--mine")
    shown = shell.run("open", evil, "--as", "read-only").stdout
    assert "\x1b[2J" not in shown
    assert "a\\x1b[2J\\nb  float32" in shown
