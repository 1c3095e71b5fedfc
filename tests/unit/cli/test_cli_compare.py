"""``weightmark compare``: a sentence first, then the evidence."""

import json
from pathlib import Path

import jsonschema
import pytest
from tests.similar_models import add_noise, arrange, make_llama, open_model
from tests.workshop import Shell

SCHEMA = Path(__file__).parents[3] / "docs/reference/schema/compare.schema.json"
OURS = make_llama(1)


@pytest.fixture
def ours(shell: Shell) -> Path:
    open_model(shell.folder / "ours", OURS)
    return shell.folder / "ours"


@pytest.fixture
def child(shell: Shell) -> Path:
    open_model(shell.folder / "child", add_noise(arrange(OURS, [0, 1, 3]), 0.3))
    return shell.folder / "child"


def test_the_first_line_is_the_verdict(shell: Shell, ours: Path, child: Path) -> None:
    first, *rest = shell.run("compare", ours, child).stdout.splitlines()
    assert first.startswith("derived: ")
    assert "p < 1e-9; at most 1e-" in first
    assert any("assumed: " in line for line in rest)
    assert any("21 alike" in line or "23 alike" in line for line in rest)


def test_a_stranger_is_an_answer_too(shell: Shell, ours: Path) -> None:
    open_model(shell.folder / "theirs", make_llama(2))
    assert shell.run("compare", ours, shell.folder / "theirs").stdout.startswith("no evidence ")


def test_json_has_the_documented_shape(shell: Shell, ours: Path, child: Path) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    open_model(shell.folder / "theirs", make_llama(2))
    merged = {name: 0.5 * OURS[name] + 0.5 * value for name, value in make_llama(2).items()}
    open_model(shell.folder / "merged", merged)
    answers = [
        shell.json("compare", ours, child),
        shell.json("compare", ours, child, "--quick"),
        shell.json("compare", ours, shell.folder / "theirs"),
        shell.json("compare", ours, ours),
        shell.json("compare", ours, shell.folder / "merged", "--parent", shell.folder / "theirs"),
    ]
    for answer in answers:
        jsonschema.Draft202012Validator(schema).validate(answer)
        assert answer.keys() == schema["properties"].keys()
    assert [answer["verdict"] for answer in answers] == [
        "derived",
        "derived",
        "no-evidence",
        "identical",
        "merged",
    ]
    assert answers[0]["layers"] == [0, 1, 3]
    assert answers[0]["forensics"] is not None
    assert answers[1]["forensics"] is None
    assert [parent["weight"] for parent in answers[4]["parents"]] == pytest.approx([0.5, 0.5], abs=0.02)


def test_the_ledger_says_which_was_first(shell: Shell, ours: Path, child: Path) -> None:
    assert shell.json("compare", ours, child)["order"] == ""
    shell.run("register", ours, "--license", "apache-2.0")
    assert shell.json("compare", ours, child)["order"] == ""
    shell.run("register", child, "--license", "apache-2.0")
    assert "was registered by acme" in shell.json("compare", child, ours)["order"]


def test_a_damaged_model_is_an_error(shell: Shell, ours: Path) -> None:
    (bad := shell.folder / "bad").mkdir()
    (bad / "model.safetensors").write_bytes(b"\xff" * 64)
    assert shell.json("compare", ours, bad, code=1)["error"]["type"] == "MalformedError"
