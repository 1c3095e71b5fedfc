"""What the commands answer is what docs/reference/schema promises."""

from pathlib import Path

import jsonschema
import pytest
from tests.schemas import holds
from tests.workshop import Shell, flip_byte


def test_a_schema_that_does_not_fit_is_noticed() -> None:
    with pytest.raises(jsonschema.ValidationError):
        holds("check", {"schema": "1"})


def test_fingerprint(shell: Shell, model: Path) -> None:
    holds("fingerprint", shell.json("fingerprint", model))
    (opaque := shell.folder / "opaque").mkdir()
    (opaque / "model.pkl").write_bytes(b"not read")
    holds("fingerprint", shell.json("fingerprint", opaque, "--algorithm", "blake3"))


def test_register_and_verify(shell: Shell, model: Path) -> None:
    holds("register", shell.json("register", model, "--license", "cc-by-nc-4.0"))
    holds("register", shell.json("register", model))
    holds("verify", shell.json("verify", model))
    flip_byte(model / "model.safetensors", -1)
    failed = shell.json("verify", model, code=3)
    holds("verify", failed)
    assert failed["failures"] == [
        {"path": "model.safetensors", "tensor": "dense.bias", "reason": "changed"},
    ]


def test_check(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0", "--mine")
    holds("check", shell.json("check", model))
    holds("check", shell.json("check", model, "--as", "bigcorp", code=4))
    shell.run("grant", model, "--to", "bigcorp", "--for", "deploy", "--until", "2099-01-01")
    granted = shell.json("check", model, "--as", "bigcorp")
    holds("check", granted)
    assert granted["grant"] is not None
    assert granted["until"] is not None


def test_error(shell: Shell) -> None:
    holds("error", shell.json("fingerprint", "nowhere", code=1))
