"""Small models on disk, and a shell that runs the command line in this process."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from weightmark.cli import application

LAYERS = {"dense.weight": [0.5, -1.25, 3.0, 0.125], "dense.bias": [1.0, 2.0]}


def write_model(folder: Path, layers: Mapping[str, list[float]] = LAYERS, *, card: str = "") -> Path:
    """Write a model: a safetensors file by its own specification, a configuration, and a card when asked."""
    folder.mkdir(parents=True, exist_ok=True)
    header: dict[str, object] = {}
    data = b""
    for name, values in layers.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {
            "dtype": "F32",
            "shape": [len(values)],
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text('{"model_type": "mlp", "hidden_size": 4}')
    if card:
        (folder / "README.md").write_text(card)
    return folder


def flip_byte(file: Path, position: int) -> None:
    """Change one byte of a file; negative positions count from its end."""
    data = bytearray(file.read_bytes())
    data[position] ^= 0x01
    file.write_bytes(data)


@dataclass(kw_only=True)
class Shell:
    """The command line as one person uses it: a folder, a home, settings in the environment."""

    folder: Path
    env: dict[str, str | None] = field(default_factory=dict)

    def call(
        self, *args: str | Path, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> Result:
        """Run a command; nothing but an exit may come out of it."""
        result = CliRunner().invoke(
            application, [str(arg) for arg in args], env={**self.env, **(env or {})}, input=stdin
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def run(self, *args: str | Path, code: int = 0, env: Mapping[str, str] | None = None) -> Result:
        """Run a command that must end with this code."""
        result = self.call(*args, env=env)
        assert result.exit_code == code, f"{args}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def fail(self, *args: str | Path, code: int, env: Mapping[str, str] | None = None) -> str:
        """Run a command that must fail for a person, with an error and a hint; give what it wrote."""
        stderr = self.run(*args, code=code, env=env).stderr
        lines = stderr.splitlines()
        assert lines[0].startswith("error: "), stderr
        assert any(line.startswith("hint: ") for line in lines), stderr
        return stderr

    def json(self, *args: str | Path, code: int = 0, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a command with --json; nothing may stand on standard error."""
        result = self.run(*args, "--json", code=code, env=env)
        assert result.stderr == ""
        value = json.loads(result.stdout)
        assert value["schema"] == "1"
        return dict(value)

    def key(self, party: str) -> tuple[str, ...]:
        """Make a key for a party, trust it, and give the options that speak for them."""
        file = self.folder / f"{party}.pem"
        if not file.exists():
            self.run("keygen", file)
            self.run("trust", "add", f"{file}.pub", "--identity", party)
        return ("--as", party, "--key", f"file:{file}")
