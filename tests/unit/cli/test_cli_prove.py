"""``prove``, ``verify --proof``, ``fingerprint --since`` and ``register --since``, as people use them."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import LAYERS, Shell, write_model

MORE = {**LAYERS, "head.weight": [9.0, 8.0], "norm.weight": [1.0, 1.0]}
TUNED = {**MORE, "dense.weight": [0.5, -1.25, 3.0, 0.25]}


@pytest.fixture
def trust(shell: Shell) -> Path:
    """A registered model, its update, and what a stranger needs."""
    write_model(shell.folder / "base", MORE)
    write_model(shell.folder / "tuned", TUNED)
    shell.run("register", "base", "--mine", "--license", "mit")
    shell.run("register", "tuned", "--mine", "--since", "base")
    shell.run("trust", "export", "trust.json")
    return shell.folder / "trust.json"


@pytest.fixture
def stranger(shell: Shell, trust: Path) -> Shell:
    """Somebody with the trust root, and neither models, settings, ledger nor store."""
    del trust
    return Shell(folder=shell.folder, env={**shell.env, "WEIGHTMARK_HOME": str(shell.folder / "elsewhere")})


def prove(shell: Shell, *args: str) -> Path:
    shell.run("prove", *args, "-o", "proof.json")
    return shell.folder / "proof.json"


def test_a_tensor_is_proved_without_the_model(shell: Shell, stranger: Shell, trust: Path) -> None:
    file = prove(shell, "tensor", "dense.weight", "--model", "tuned")
    holds("proof", json.loads(file.read_bytes()))
    answer = stranger.json("verify", "--proof", file, "--trust", trust)
    holds("verify", answer)
    assert answer["shown"]["name"] == "dense.weight"
    assert answer["shown"]["shape"] == [4]
    assert answer["owner"] == "acme"
    assert not (shell.folder / "elsewhere").exists()


def test_a_proof_names_no_other_tensor(shell: Shell, trust: Path) -> None:
    text = prove(shell, "tensor", "dense.weight", "--model", "tuned").read_text()
    assert not [name for name in MORE if name in text and name != "dense.weight"]
    assert "config.json" not in text


def test_numbers_at_hand_are_held_against_the_proof(shell: Shell, stranger: Shell, trust: Path) -> None:
    file = prove(shell, "tensor", "dense.weight", "--model", "tuned")
    right = np.array(TUNED["dense.weight"], "<f4")
    (shell.folder / "raw.bin").write_bytes(right.tobytes())
    np.save(shell.folder / "right.npy", right)
    np.save(shell.folder / "old.npy", np.array(MORE["dense.weight"], "<f4"))
    np.save(shell.folder / "shape.npy", right.reshape(2, 2))
    np.save(shell.folder / "dtype.npy", right.astype("<f8"))
    np.save(shell.folder / "big.npy", right.astype(">f4"))
    (shell.folder / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    for name in ("raw.bin", "right.npy"):
        assert stranger.json("verify", name, "--proof", file, "--trust", trust)["ok"]
    for name in ("old.npy", "shape.npy", "dtype.npy", "big.npy", "broken.npy"):
        failed = stranger.json("verify", name, "--proof", file, "--trust", trust, code=3)
        holds("verify", failed)
        stranger.fail("verify", name, "--proof", file, "--trust", trust, code=3)


def test_a_file_is_proved(shell: Shell, stranger: Shell, trust: Path) -> None:
    file = prove(shell, "file", "model.safetensors", "--model", "tuned")
    holds("proof", json.loads(file.read_bytes()))
    answer = stranger.json("verify", "tuned/model.safetensors", "--proof", file, "--trust", trust)
    holds("verify", answer)
    assert answer["shown"]["path"] == "model.safetensors"
    stranger.fail("verify", "base/model.safetensors", "--proof", file, "--trust", trust, code=3)
    stranger.fail("verify", "tuned/config.json", "--proof", file, "--trust", trust, code=3)
    stranger.fail("verify", "tuned", "--proof", file, "--trust", trust, code=3)


def test_bytes_of_a_tensor_are_proved_by_whole_chunks(shell: Shell, stranger: Shell, trust: Path) -> None:
    size = 3 * 4096 * 1024 + 5  # float32 numbers: three chunks of 16 MiB and 20 bytes
    header = json.dumps({"w": {"dtype": "F32", "shape": [size], "data_offsets": [0, 4 * size]}}).encode()
    folder = shell.folder / "long"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(8 + len(header) + 4 * size - 4)
        stream.seek(0, 2)
        stream.write(b"abcd")
    shell.run("register", "long", "--mine")
    shell.run(
        "prove", "bytes", "w", "20000000:34000000", "--model", "long", "-o", "p.json", "--data", "d.bin"
    )
    holds("proof", json.loads((shell.folder / "p.json").read_bytes()))
    assert (shell.folder / "d.bin").stat().st_size == 2 * (16 << 20)
    answer = stranger.json("verify", "d.bin", "--proof", "p.json", "--trust", trust)
    holds("verify", answer)
    assert (answer["shown"]["start"], answer["shown"]["stop"]) == (16 << 20, 3 * (16 << 20))
    with (shell.folder / "d.bin").open("r+b") as stream:
        stream.write(b"x")
    stranger.fail("verify", "d.bin", "--proof", "p.json", "--trust", trust, code=3)
    shell.run(
        "prove", "bytes", "w", "50331650:50331660", "--model", "long", "-o", "p.json", "--data", "d.bin"
    )
    assert (shell.folder / "d.bin").read_bytes().endswith(b"abcd")
    assert stranger.json("verify", "d.bin", "--proof", "p.json", "--trust", trust)["ok"]
    moved = json.loads((shell.folder / "p.json").read_bytes())
    moved["bytes"] |= {"start": 0, "stop": 20}
    (shell.folder / "p.json").write_text(json.dumps(moved))
    assert "not for the bytes" in stranger.fail("verify", "--proof", "p.json", "--trust", trust, code=3)
    shell.fail("prove", "bytes", "w", "0:50331669", "--model", "long", code=1)


def test_bytes_are_asked_for_as_a_range(shell: Shell, trust: Path) -> None:
    for span in ("5", "7:3", "a:b", "3:3"):
        shell.run("prove", "bytes", "dense.weight", span, "--model", "tuned", code=2)


def test_bytes_are_proved_from_files_and_not_from_a_name(shell: Shell, trust: Path) -> None:
    shell.run("register", write_model(shell.folder / "third", LAYERS), "--mine", "--name", "churn")
    told = shell.fail("prove", "bytes", "dense.weight", "0:4", "--model", "churn", code=1)
    assert "--model PATH" in told


def test_bytes_of_files_that_are_not_the_registered_ones_are_not_proved(shell: Shell, trust: Path) -> None:
    result = shell.fail(
        "prove", "bytes", "dense.weight", "0:4", "--model", "tuned", "--data", "no/d.bin", code=1
    )
    assert "d.bin" in result
    write_model(shell.folder / "tuned", MORE)
    shell.run("prove", "bytes", "dense.weight", "0:4", "--model", "tuned", "--data", "d.bin", "-o", "p.json")
    assert (shell.folder / "d.bin").read_bytes() == np.array(MORE["dense.weight"], "<f4").tobytes()


def test_a_file_that_is_there_stays_when_nothing_is_proved(shell: Shell, trust: Path) -> None:
    weights = shell.folder / "tuned" / "model.safetensors"
    before = weights.read_bytes()
    for tensor in ("nose", "dense.weight"):
        shell.fail("prove", "bytes", tensor, "0:99", "--model", "tuned", "--data", weights, code=1)
    assert weights.read_bytes() == before
    assert len(list(weights.parent.iterdir())) == 2


def test_a_tensor_called_like_a_field_is_shown_as_a_tensor(
    shell: Shell, stranger: Shell, trust: Path
) -> None:
    layers = {**TUNED, "license": [1.0], "signed by": [2.0], "after": [3.0]}
    shell.run("register", write_model(shell.folder / "odd", layers), "--mine", "--since", "tuned")
    file = prove(shell, "update", "--model", "odd")
    told = stranger.run("verify", "--proof", file, "--trust", trust).stdout
    for name in ("license", "signed by", "after"):
        assert f"  added: {name}\n" in told
    assert "after      sha256:" in told


def test_an_empty_array_without_a_type_of_numpys_is_held(shell: Shell, stranger: Shell) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [0, 3], "data_offsets": [0, 0]}}).encode()
    (folder := shell.folder / "empty").mkdir()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    shell.run("register", "empty", "--mine")
    shell.run("trust", "export", "trust.json")
    file = prove(shell, "tensor", "w", "--model", "empty")
    np.save(shell.folder / "w.npy", np.zeros((0, 3), "V2"))
    assert stranger.json("verify", "w.npy", "--proof", file, "--trust", "trust.json")["ok"]


def test_what_the_model_does_not_have_is_not_proved(shell: Shell, trust: Path) -> None:
    assert "no tensor 'nose'" in shell.fail("prove", "tensor", "nose", "--model", "tuned", code=1)
    assert "no file 'nose'" in shell.fail("prove", "file", "nose", "--model", "tuned", code=1)
    assert "no update" in shell.fail("prove", "update", "--model", "base", code=5)
    shell.fail("prove", "tensor", "dense.weight", "--model", "nobody", code=4)


def test_an_update_is_proved_and_shows_only_what_changed(shell: Shell, stranger: Shell, trust: Path) -> None:
    file = prove(shell, "update", "--model", "tuned")
    holds("proof", json.loads(file.read_bytes()))
    assert not [name for name in MORE if name in file.read_text() and name != "dense.weight"]
    answer = stranger.json("verify", "--proof", file, "--trust", trust)
    holds("verify", answer)
    (change,) = answer["shown"]["changes"]
    assert (change["name"], change["kind"]) == ("dense.weight", "changed")
    stranger.run("verify", "--proof", file, "--trust", trust)
    stranger.fail("verify", "tuned/model.safetensors", "--proof", file, "--trust", trust, code=3)


def test_a_proof_for_another_model_is_refused(shell: Shell, stranger: Shell, trust: Path) -> None:
    one = json.loads(prove(shell, "tensor", "dense.weight", "--model", "tuned").read_bytes())
    other = json.loads(prove(shell, "tensor", "dense.weight", "--model", "base").read_bytes())
    update = json.loads(prove(shell, "update", "--model", "tuned").read_bytes())
    shell.run("register", write_model(shell.folder / "third", LAYERS), "--mine")
    third = json.loads(prove(shell, "file", "config.json", "--model", "third").read_bytes())
    lies: list[dict[str, Any]] = [
        {**one, "registration": other["registration"]},
        {**one, "tensor": {**one["tensor"], "name": "dense.bias"}},
        {**one, "tensor": {**one["tensor"], "dtype": "int32"}},
        {**update, "registration": third["registration"]},
        {**update, "update": {**update["update"], "earlier": third["registration"]}},
        {**update, "update": {**update["update"], "statement": one["registration"]}},
        {**update, "update": {**update["update"], "proof": {**update["update"]["proof"], "steps": []}}},
    ]
    for lie in lies:
        (shell.folder / "lie.json").write_text(json.dumps(lie))
        told = stranger.fail("verify", "--proof", "lie.json", "--trust", trust, code=3)
        assert "ledger" not in told


def test_a_proof_by_an_unknown_signer_is_refused(shell: Shell, tmp_path: Path, trust: Path) -> None:
    file = prove(shell, "tensor", "dense.weight", "--model", "tuned")
    other = Shell(folder=shell.folder, env={**shell.env, "WEIGHTMARK_HOME": str(tmp_path / "other")})
    assert "trust root" in other.fail("verify", "--proof", file, code=3)
    shell.run("verify", "--proof", file)
    assert shell.run("verify", "--proof", file, "--signed-by", "bob", code=3)


def test_proofs_take_no_options_of_bundles(shell: Shell, trust: Path) -> None:
    file = prove(shell, "tensor", "dense.weight", "--model", "tuned")
    shell.run("verify", "--proof", file, "--expect", "tuned", code=2)
    shell.run("verify", code=2)


def test_prove_answers_in_json(shell: Shell, trust: Path) -> None:
    answer = shell.json("prove", "tensor", "dense.weight", "--model", "tuned", "-o", "p.json")
    assert answer["kind"] == "tensor"
    assert answer["written"] == ["p.json"]
    holds("prove", answer)
    printed = shell.run("prove", "tensor", "dense.weight", "--model", "tuned").stdout
    assert json.loads(printed)["tensor"] == answer["proof"]["tensor"]


def test_fingerprint_says_what_changed_since(shell: Shell, trust: Path) -> None:
    answer = shell.json("fingerprint", "tuned", "--since", "base")
    holds("fingerprint", answer)
    assert answer["since"]["changed"] == ["dense.weight"]
    assert answer["since"]["kept"] == len(MORE) - 1
    assert "changed: dense.weight" in shell.run("fingerprint", "tuned", "--since", "base").stdout
    same = shell.json("fingerprint", "base", "--since", shell.json("verify", "base")["receipt"])["since"]
    assert (same["changed"], same["added"], same["removed"]) == ([], [], [])
    by_digest = shell.json("fingerprint", "tuned", "--since", same["bundle"])["since"]
    assert by_digest == answer["since"]
    origin = shell.json("verify", "base")["receipt"].partition("#")[0]
    shell.fail("fingerprint", "tuned", "--since", f"{origin}#999", code=3)
    shell.fail("fingerprint", "tuned", "--since", "nobody", code=4)
    shell.run("fingerprint", "tuned", "--since", "base", "--algorithm", "blake3", code=2)


def test_since_takes_the_hash_function_of_the_earlier_model(shell: Shell) -> None:
    write_model(shell.folder / "base", MORE)
    write_model(shell.folder / "tuned", TUNED)
    shell.run("register", "base", "--mine", env={"WEIGHTMARK_ALGORITHM": "blake3"})
    answer = shell.json("fingerprint", "tuned", "--since", "base")
    assert answer["algorithm"] == "blake3"
    assert answer["since"]["changed"] == ["dense.weight"]
    before = shell.json("history")["entries"]
    assert "ALGORITHM=blake3" in shell.fail("register", "tuned", "--mine", "--since", "base", code=1)
    assert shell.json("history")["entries"] == before
    shell.run("register", "tuned", "--mine", "--since", "base", env={"WEIGHTMARK_ALGORITHM": "blake3"})


def test_nothing_is_recorded_when_the_earlier_manifest_is_lost(shell: Shell, trust: Path) -> None:
    before = shell.json("history")["entries"]
    write_model(shell.folder / "next", LAYERS)
    lost = {"WEIGHTMARK_STORE": f"sqlite:///{shell.folder / 'empty.db'}"}
    assert "no manifest of base" in shell.fail("register", "next", "--since", "base", code=5, env=lost)
    assert shell.json("history")["entries"] == before


def test_a_model_since_itself_is_no_update(shell: Shell, trust: Path) -> None:
    assert shell.json("register", "tuned", "--mine", "--since", "tuned")["since"]["statement"] is None


def test_an_update_is_recorded_once(shell: Shell, trust: Path) -> None:
    history = shell.json("history", "tuned")["entries"]
    assert [row["what"].split("/")[-2] for row in history] == [
        "registration",
        "derivation",
        "version",
        "update",
    ]
    assert all(row["accepted"] for row in history)
    again = shell.json("register", "tuned", "--mine", "--since", "base")
    holds("register", again)
    assert again["since"]["statement"] is None
    assert len(shell.json("history", "tuned")["entries"]) == len(history)


def test_only_the_owner_says_what_a_model_updates(shell: Shell, trust: Path) -> None:
    shell.fail("register", "tuned", "--since", "base", *shell.key("bob"), code=4)


def test_an_update_by_a_later_owner_does_not_stand_in_for_the_registrants(
    shell: Shell, stranger: Shell, trust: Path
) -> None:
    bob = shell.key("bob")
    shell.run("trust", "export", "trust.json")
    shell.run("register", write_model(shell.folder / "third", LAYERS), "--mine")
    for model in ("third", "tuned"):
        shell.run("transfer", model, "--to", "bob")
    shell.run("register", "third", "--since", "base", *bob)
    assert "acme" in shell.fail("prove", "update", "--model", "third", code=5)
    file = prove(shell, "update", "--model", "tuned")
    stranger.run("verify", "--proof", file, "--trust", trust)


def test_a_model_without_tensors_updates_nothing(shell: Shell, trust: Path) -> None:
    (opaque := shell.folder / "opaque").mkdir()
    (opaque / "weights.zzz").write_bytes(b"zzz")
    assert "no tensors" in shell.fail("fingerprint", opaque, "--since", "base", code=1)
