"""Looking for registered models like another, and the two attacks on public sketches."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.workshop import Shell

from weightmark.claims import Registration, Statement, Subject
from weightmark.encoding import Digest, digest_bytes
from weightmark.similarity import sketch
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.recording import record

pytestmark = pytest.mark.integration

Weights = dict[str, np.ndarray]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "home"), "WEIGHTMARK_PARTY": "acme"})


def random_weights(seed: int) -> Weights:
    source = np.random.default_rng(seed)
    shapes = {"up": (96, 64), "down": (64, 96)}
    return {
        f"layer.{layer}.{part}": source.standard_normal(shape, np.float32)
        for layer in range(4)
        for part, shape in shapes.items()
    }


def write(folder: Path, weights: Mapping[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(dict(weights), folder / "model.safetensors")
    return folder


def steer(weights: Weights, signs: Mapping[str, np.ndarray]) -> Weights:
    """Change a model as little as it takes to give each bucket's sum the wanted sign."""
    steered: Weights = {}
    for name, value in weights.items():
        flat = value.reshape(-1).copy()
        starts, buckets, directions = sketch._sample(value.shape, sketch.PUBLIC_SEED)
        places = np.concatenate([np.arange(start, min(start + sketch.RUN, flat.size)) for start in starts])
        buckets, directions = buckets[: places.size], directions[: places.size]
        sums = np.bincount(buckets, flat[places] * directions, sketch.BITS)
        counts = np.bincount(buckets, minlength=sketch.BITS)
        missing = np.where(sums * signs[name] > 0, 0, signs[name] * 1.0 - sums) / np.maximum(counts, 1)
        np.add.at(flat, places, missing[buckets] * directions)
        steered[name] = flat.reshape(value.shape)
    return steered


def signs_of(weights: Weights) -> dict[str, np.ndarray]:
    signs = {}
    for name, value in weights.items():
        starts, buckets, directions = sketch._sample(value.shape, sketch.PUBLIC_SEED)
        flat = value.reshape(-1)
        places = np.concatenate([np.arange(start, min(start + sketch.RUN, flat.size)) for start in starts])
        sums = np.bincount(buckets[: places.size], flat[places] * directions[: places.size], sketch.BITS)
        signs[name] = np.where(sums > 0, 1.0, -1.0)
    return signs


def change(before: Weights, after: Weights) -> float:
    """Give the relative change of the weights."""
    moved = sum(float(np.sum((after[name] - before[name]) ** 2)) for name in before)
    return float(np.sqrt(moved / sum(float(np.sum(value**2)) for value in before.values())))


@pytest.fixture
def original(shell: Shell, tmp_path: Path) -> Weights:
    weights = random_weights(1)
    shell.run("register", write(tmp_path / "original", weights), "--license", "mit", "--mine")
    for seed in (2, 3, 4):
        shell.run("register", write(tmp_path / f"stranger-{seed}", random_weights(seed)), "--license", "mit")
    return weights


def test_a_fine_tune_finds_its_base_and_no_stranger(shell: Shell, tmp_path: Path, original: Weights) -> None:
    noise = random_weights(9)
    tuned = {name[::-1]: value + 0.2 * noise[name] for name, value in original.items()}
    answer = shell.json("similar", write(tmp_path / "tuned", tuned))
    (found,) = answer["candidates"]
    assert found["name"] == "original"
    assert found["owner"] == "acme"
    assert found["license"] == "MIT"
    assert found["confirmed"] is True
    assert found["public"]["alike"] == found["public"]["tensors"] == 8
    told = shell.run("similar", tmp_path / "tuned")
    assert "original" in told.stdout
    assert "weightmark compare" in told.stderr


def test_nothing_is_like_a_stranger(shell: Shell, tmp_path: Path, original: Weights) -> None:
    assert original
    stranger = write(tmp_path / "new", random_weights(77))
    assert shell.json("similar", stranger)["candidates"] == []
    assert "Nothing registered is like it." in shell.run("similar", stranger).stdout


def test_a_forged_likeness_is_nominated_and_not_confirmed(
    shell: Shell, tmp_path: Path, original: Weights
) -> None:
    innocent = random_weights(5)
    framed = steer(innocent, signs_of(original))
    assert change(innocent, framed) < 0.3  # of tensors this small; of 4096 x 4096 it takes 0.3 %
    (found,) = shell.json("similar", write(tmp_path / "framed", framed))["candidates"]
    assert found["name"] == "original"
    assert found["public"]["alike"] == found["public"]["tensors"] == 8
    assert found["confirmed"] is False
    assert "NO: forged" in shell.run("similar", tmp_path / "framed").stdout
    verdict = shell.json("compare", tmp_path / "framed", tmp_path / "original")
    assert verdict["verdict"] == "no-evidence"


def test_a_copy_that_hides_from_the_public_sketch_is_found_by_our_own(
    shell: Shell, tmp_path: Path, original: Weights
) -> None:
    hidden = steer(original, {name: -signs for name, signs in signs_of(original).items()})
    assert change(original, hidden) < 0.4
    (found,) = shell.json("similar", write(tmp_path / "hidden", hidden))["candidates"]
    assert found["name"] == "original"
    assert found["public"]["bits"] < 0.3
    assert found["confirmed"] is True
    verdict = shell.json("compare", tmp_path / "hidden", tmp_path / "original")
    assert verdict["verdict"] == "derived"


def test_the_seed_is_ours_alone_and_stays(shell: Shell, tmp_path: Path, original: Weights) -> None:
    assert original
    seed = tmp_path / "home" / "keys" / "sketch.seed"
    before = seed.read_text()
    assert seed.stat().st_mode & 0o077 == 0
    shell.run("register", write(tmp_path / "more", random_weights(8)), "--license", "mit")
    assert seed.read_text() == before
    assert before not in shell.run("history", "--json").stdout
    seed.write_text("short")
    assert "seed" in shell.fail("similar", tmp_path / "more", code=1)


def repeat(shell: Shell, tmp_path: Path, **changes: Digest) -> None:
    """Let another party register what it likes, with the likeness of ours."""
    key = shell.key("bob")[3]
    settings = {"home": str(tmp_path / "home"), "party": "acme"}
    with Workspace(Configuration.load(settings)) as workspace:
        ours = workspace.find("original")
        entry = next(workspace.resources.ledger.entries(ours.entry, ours.entry + 1))
        claim = Statement.decode(entry.envelope.payload).claim
    assert isinstance(claim, Registration)
    likeness = tuple(replace(each, sketch=changes.get("sketch", each.sketch)) for each in claim.likeness)
    theirs = replace(claim, owner="bob", likeness=likeness, manifest=claim.likeness[0].sketch)
    with Workspace(Configuration.load({**settings, "party": "bob", "signer": key})) as workspace:
        subject = Subject(name="framed", bundle=digest_bytes(b"framed"))
        record(workspace.resources, subject, [theirs], claim.issued_at)


def test_a_likeness_that_others_repeat_is_not_confirmed(
    shell: Shell, tmp_path: Path, original: Weights
) -> None:
    repeat(shell, tmp_path)
    found = shell.json("similar", write(tmp_path / "again", original))["candidates"]
    assert {each["name"]: each["confirmed"] for each in found} == {"original": True, "framed": None}


@pytest.mark.parametrize("kept", [b"no sketch", b"{}"])
def test_a_likeness_whose_sketch_is_none_hides_nobody(
    shell: Shell, tmp_path: Path, original: Weights, kept: bytes
) -> None:
    with Workspace(Configuration.load({"home": str(tmp_path / "home"), "party": "acme"})) as workspace:
        workspace.resources.store.put(kept)
    repeat(shell, tmp_path, sketch=digest_bytes(kept))
    found = shell.json("similar", write(tmp_path / "again", original))["candidates"]
    assert {each["name"]: each["confirmed"] for each in found} == {"original": True, "framed": None}


def test_a_likeness_whose_sketch_is_of_another_seed_hides_nobody(
    shell: Shell, tmp_path: Path, original: Weights
) -> None:
    with Workspace(Configuration.load({"home": str(tmp_path / "home"), "party": "acme"})) as workspace:
        known = workspace.resources.index.sketches(workspace.find("original").bundle)
    secret = next(sketch for seed, sketch in known.items() if seed != digest_bytes(b"weightmark-sketch-v1"))
    repeat(shell, tmp_path, sketch=secret)
    found = shell.json("similar", write(tmp_path / "again", original))["candidates"]
    assert {each["name"]: each["confirmed"] for each in found} == {"original": True, "framed": None}


def test_a_model_whose_sketches_were_lost_is_found_by_its_code(
    shell: Shell, tmp_path: Path, original: Weights
) -> None:
    lost = {"WEIGHTMARK_STORE": f"sqlite:///{tmp_path / 'empty.db'}"}
    result = shell.run("similar", write(tmp_path / "again", original), "--json", env=lost)
    (found,) = json.loads(result.stdout)["candidates"]
    assert (found["name"], found["confirmed"]) == ("original", None)
    assert found["public"] == {"bits": 1.0, "tensors": 0, "alike": 0}


def test_a_model_that_cannot_be_sketched_says_so(shell: Shell, tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny", {"bias": np.ones(8, np.float32)})
    shell.run("register", folder, "--license", "mit")
    assert "weightmark compare" in shell.fail("similar", folder, code=1)
