"""An update's proof shows what changed and that nothing else did; one that lies is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from weightmark.encoding import Algorithm, digest_bytes, format_digest, parse_digest
from weightmark.errors import InclusionError, MalformedError, VerificationError
from weightmark.fingerprinting.leaf import TensorDigest, tensor_leaf
from weightmark.fingerprinting.update import Change, Step, UpdateProof, prove_update
from weightmark.log.part import Part
from weightmark.model import FileEntry, ModelManifest, TensorEntry

NAMES = [f"layer.{number:02}.weight" for number in range(23)]


def entry(name: str, value: str = "") -> TensorEntry:
    root = digest_bytes((value or name).encode())
    return TensorEntry(name=name, dtype="float32", shape=(4,), path="m", start=0, stop=16, root=root)


def manifest(values: dict[str, str], algorithm: Algorithm = Algorithm.SHA256) -> ModelManifest:
    tensors = tuple(entry(name, value) for name, value in sorted(values.items()))
    file = FileEntry(path="m", size=16, root=digest_bytes(b"m"))
    return ModelManifest(algorithm=algorithm, files=(file,), tensors=tensors)


OLD = dict.fromkeys(NAMES, "")
BEFORE = manifest(OLD)


def update(**values: str | None) -> UpdateProof:
    new = {**OLD, **{name.replace("_", "."): value for name, value in values.items()}}
    return prove_update(BEFORE, manifest({name: value for name, value in new.items() if value is not None}))


def kinds(proof: UpdateProof) -> list[tuple[str, str]]:
    return [(change.name, change.kind) for change in proof.changes]


def test_a_change_in_place_shows_one_tensor_and_few_subtrees() -> None:
    proof = update(layer_07_weight="other")
    proof.check()
    assert kinds(proof) == [("layer.07.weight", "changed")]
    assert proof.kept == len(NAMES) - 1
    assert len(proof.steps) - 1 <= 2 * len(NAMES).bit_length()


def test_added_removed_and_changed_tensors_are_told_apart() -> None:
    proof = update(layer_03_weight=None, layer_11_weight="other", layer_11_x="new", zz="last", aa="first")
    proof.check()
    assert kinds(proof) == [
        ("aa", "added"),
        ("layer.03.weight", "removed"),
        ("layer.11.weight", "changed"),
        ("layer.11.x", "added"),
        ("zz", "added"),
    ]


def test_a_renamed_tensor_is_one_removed_and_one_added() -> None:
    proof = update(layer_05_weight=None, renamed="layer.05.weight")
    proof.check()
    assert kinds(proof) == [("layer.05.weight", "removed"), ("renamed", "added")]


def test_no_change_has_no_changes() -> None:
    proof = prove_update(BEFORE, BEFORE)
    proof.check()
    assert proof.changes == ()
    assert proof.kept == len(NAMES)


def test_everything_may_change() -> None:
    proof = prove_update(BEFORE, manifest({"only": "x"}))
    proof.check()
    assert len(proof.changes) == len(NAMES) + 1


def test_an_unchanged_tensor_is_not_named() -> None:
    text = update(layer_07_weight="other").encode().decode()
    assert [name for name in NAMES if name in text] == ["layer.07.weight"]


def test_the_proof_comes_back() -> None:
    proof = update(layer_07_weight="other", aa="first", layer_20_weight=None)
    assert UpdateProof.decode(proof.encode()) == proof


Lie = Callable[[UpdateProof], UpdateProof]


def steps(edit: Callable[[list[Step]], object]) -> Lie:
    def lie(proof: UpdateProof) -> UpdateProof:
        changed = list(proof.steps)
        edit(changed)
        return replace(proof, steps=tuple(changed))

    return lie


def position(found: list[Step], name: str) -> int:
    return next(i for i, step in enumerate(found) if isinstance(step, Change) and step.name == name)


def hide_change(found: list[Step]) -> None:
    """Say of a tensor that changed that it is as it was."""
    place = position(found, "layer.07.weight")
    change = found[place]
    assert isinstance(change, Change)
    assert change.after is not None
    found[place] = Part(count=1, hash=tensor_leaf(change.after, Algorithm.SHA256))


def other_value(found: list[Step]) -> None:
    place = position(found, "layer.07.weight")
    change = found[place]
    assert isinstance(change, Change)
    assert change.after is not None
    found[place] = replace(change, after=replace(change.after, root=digest_bytes(b"invented")))


def other_name(found: list[Step]) -> None:
    place = position(found, "layer.07.weight")
    change = found[place]
    assert isinstance(change, Change)
    assert change.after is not None
    found[place] = replace(change, name="layer.07.x", after=replace(change.after, name="layer.07.x"))


def invent(found: list[Step]) -> None:
    tensor = TensorDigest(name="zzz", dtype="float32", shape=(1,), root=digest_bytes(b"zzz"))
    found.append(Change(name="zzz", before=None, after=tensor))


def double_part(found: list[Step]) -> None:
    place = next(i for i, step in enumerate(found) if isinstance(step, Part))
    found.insert(place, found[place])


def other_part(found: list[Step]) -> None:
    place = next(i for i, step in enumerate(found) if isinstance(step, Part))
    part = found[place]
    assert isinstance(part, Part)
    found[place] = Part(count=part.count, hash=bytes(32))


def smaller_part(found: list[Step]) -> None:
    place = next(i for i, step in enumerate(found) if isinstance(step, Part) and step.count > 1)
    part = found[place]
    assert isinstance(part, Part)
    found[place] = Part(count=part.count // 2, hash=part.hash)


@pytest.mark.parametrize(
    "lie",
    [
        steps(hide_change),
        steps(other_value),
        steps(other_name),
        steps(invent),
        steps(double_part),
        steps(other_part),
        steps(smaller_part),
        steps(lambda found: found.reverse()),
        steps(lambda found: found.pop()),
        steps(lambda found: found.clear()),
        lambda proof: replace(proof, before=digest_bytes(b"another")),
        lambda proof: replace(proof, after=digest_bytes(b"another")),
        lambda proof: replace(proof, before=proof.after, after=proof.before),
        lambda proof: replace(proof, before=format_digest(Algorithm.BLAKE3, bytes(32))),
    ],
)
def test_a_lying_update_is_refused(lie: Lie) -> None:
    proof = update(layer_07_weight="other", layer_12_weight=None, layer_12_x="new")
    proof.check()
    with pytest.raises((InclusionError, MalformedError)):
        lie(proof).check()


def test_a_change_that_changes_nothing_is_refused() -> None:
    tensor = TensorDigest.of(BEFORE.tensors[0])
    leaf = format_digest(Algorithm.SHA256, tensor_leaf(tensor, Algorithm.SHA256))
    proof = update(layer_07_weight="other")
    same = Change(name=tensor.name, before=leaf, after=tensor)
    with pytest.raises(MalformedError, match="does not change"):
        replace(proof, steps=(same, *proof.steps[1:])).check()


def test_a_change_from_a_digest_of_another_hash_function_is_refused() -> None:
    proof = update(layer_07_weight="other")
    (change,) = proof.changes
    assert change.before is not None
    other = replace(change, before=format_digest(Algorithm.BLAKE3, parse_digest(change.before)[1]))
    lie = replace(proof, steps=tuple(other if step is change else step for step in proof.steps))
    with pytest.raises(MalformedError, match="blake3"):
        lie.check()


def test_a_tensor_named_twice_is_refused() -> None:
    proof = update(layer_07_weight="other")
    change = proof.changes[0]
    with pytest.raises(MalformedError, match="not sorted"):
        replace(proof, steps=(change, change)).check()


def test_models_without_tensors_and_of_other_algorithms_are_refused() -> None:
    with pytest.raises(MalformedError, match="no tensors"):
        prove_update(BEFORE, manifest({}))
    with pytest.raises(MalformedError, match="no tensors"):
        prove_update(manifest({}), BEFORE)
    with pytest.raises(MalformedError, match="blake3") as caught:
        prove_update(BEFORE, manifest(OLD, Algorithm.BLAKE3))
    assert "sha256" in caught.value.hint


def tensor_json(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [1], "root": digest_bytes(b"x")}


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(update(layer_07_weight="other", aa="x").encode())
    edit(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "edit",
    [
        lambda value: value.update(mediaType="text/plain"),
        lambda value: value.update(extra=1),
        lambda value: value.pop("before"),
        lambda value: value.update(steps={}),
        lambda value: value["steps"].append(7),
        lambda value: value["steps"].append({"count": 1, "hash": "AB"}),
        lambda value: value["steps"].append({"count": 0, "hash": "a" * 64}),
        lambda value: value["steps"].append({"name": "x", "after": {"dtype": "f", "shape": [-1]}}),
        lambda value: value["steps"].append({"name": "x", "before": "sha256:x"}),
        lambda value: value["steps"].append({"name": "x", "after": tensor_json(dtype="\x1b[31mfloat32")}),
        lambda value: value["steps"].append({"name": "x", "after": tensor_json(dtype="")}),
    ],
)
def test_what_is_no_proof_is_malformed(edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(MalformedError):
        UpdateProof.decode(edited(edit))


def test_a_step_that_is_nothing_leads_nowhere() -> None:
    data = edited(lambda value: value["steps"].append({"name": "zz"}))
    with pytest.raises((VerificationError, MalformedError)):
        UpdateProof.decode(data).check()
