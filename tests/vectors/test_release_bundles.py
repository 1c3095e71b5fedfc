"""What a release signed verifies for ever: one folder for each, never written again."""

from pathlib import Path

import pytest
from tests.workshop import Shell, flip_byte

RELEASES = sorted(path for path in Path(__file__).parent.glob("v*.*") if path.is_dir())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_its_bundle_verifies(shell: Shell, release: Path, tmp_path: Path) -> None:
    options = ("--bundle", release / "model.bundle.json", "--trust", release / "trust.json")
    held = shell.json("verify", release / "model", *options)
    assert (held["ok"], held["name"], held["owner"], held["license"]) == (True, "small", "acme", "Apache-2.0")
    changed = tmp_path / "model"
    changed.mkdir()
    for file in (release / "model").iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    flip_byte(changed / "model.safetensors", -1)
    failed = shell.json("verify", changed, *options, code=3)
    assert failed["failures"] == [{"path": "model.safetensors", "tensor": "dense.bias", "reason": "changed"}]


def test_there_is_one() -> None:
    assert RELEASES
