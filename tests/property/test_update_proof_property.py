"""An update's proof holds for any two models, names exactly what differs, and survives no tampering."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from weightmark.encoding import Algorithm, digest_bytes
from weightmark.errors import InclusionError, MalformedError
from weightmark.fingerprinting import tensors_digest
from weightmark.fingerprinting.showing import show_tensor
from weightmark.fingerprinting.update import Step, UpdateProof, prove_update
from weightmark.log.part import Part
from weightmark.model import FileEntry, ModelManifest, TensorEntry

VALUES = st.dictionaries(st.text("abcd", max_size=3), st.integers(0, 2), min_size=1, max_size=24)


def manifest(values: dict[str, int], algorithm: Algorithm = Algorithm.SHA256) -> ModelManifest:
    tensors = tuple(
        TensorEntry(
            name=name,
            dtype="float32",
            shape=(1,),
            path="m",
            start=0,
            stop=4,
            root=digest_bytes(b"%d" % value, algorithm),
        )
        for name, value in sorted(values.items())
    )
    file = FileEntry(path="m", size=4, root=digest_bytes(b"m", algorithm))
    return ModelManifest(algorithm=algorithm, files=(file,), tensors=tensors)


@given(before=VALUES, after=VALUES, algorithm=st.sampled_from(Algorithm))
def test_a_proof_names_exactly_what_differs(
    before: dict[str, int], after: dict[str, int], algorithm: Algorithm
) -> None:
    old, new = manifest(before, algorithm), manifest(after, algorithm)
    proof = prove_update(old, new)
    proof.check()
    assert (proof.before, proof.after) == (
        tensors_digest(old),
        tensors_digest(new),
    )
    differs = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {change.name for change in proof.changes} == differs
    assert proof.kept == len(before.keys() & after.keys() - differs)
    assert UpdateProof.decode(proof.encode()) == proof


@given(before=VALUES, after=VALUES, data=st.data())
def test_no_rearrangement_of_a_proof_holds(
    before: dict[str, int], after: dict[str, int], data: st.DataObject
) -> None:
    proof = prove_update(manifest(before), manifest(after))
    steps: list[Step] = list(proof.steps)
    for _ in range(data.draw(st.integers(1, 3))):
        assume(steps)
        place = data.draw(st.integers(0, len(steps) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "count"])):
            case "drop":
                del steps[place]
            case "double":
                steps.insert(place, steps[place])
            case "swap":
                other = data.draw(st.integers(0, len(steps) - 1))
                steps[place], steps[other] = steps[other], steps[place]
            case _:
                step = steps[place]
                if isinstance(step, Part):
                    steps[place] = Part(count=data.draw(st.sampled_from([1, 2, 4, 8])), hash=step.hash)
    lie = replace(proof, steps=tuple(steps))
    try:
        lie.check()
    except (InclusionError, MalformedError):
        return
    # Whatever holds says the same: no tensor is named that was not, none is left out.
    assert lie.changes == proof.changes


@given(values=VALUES, data=st.data())
def test_every_tensor_can_be_shown_and_no_other(values: dict[str, int], data: st.DataObject) -> None:
    whole = manifest(values)
    name = data.draw(st.sampled_from(sorted(values)))
    shown = show_tensor(whole, name)
    root = tensors_digest(whole)
    assert root is not None
    shown.check(root)
    lie = replace(shown, tensor=replace(shown.tensor, root=digest_bytes(b"another")))
    try:
        lie.check(root)
    except InclusionError:
        return
    raise AssertionError("a tensor that the model does not have was shown")
