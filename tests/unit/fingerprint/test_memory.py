"""A model in memory has the digests of its file; what has no numbers at hand is refused."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import weightmark
from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.fingerprinting import fingerprint_loaded
from weightmark.fingerprinting.tree import CHUNK_SIZE

RANDOM = np.random.default_rng(3)
ARRAYS: dict[str, Any] = {
    "matrix": RANDOM.standard_normal((5, 7)).astype("<f4"),
    "halves": RANDOM.standard_normal(9).astype("<f2"),
    "scalar": np.array(7, "<i8"),
    "nothing": np.zeros((0, 3), "<f4"),
    "flags": np.array([True, False, True]),
    "bytes": np.arange(200, dtype="u1"),
}


def test_the_same_numbers_have_the_same_digests_as_their_file(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "model.safetensors")
    for algorithm in Algorithm:
        with weightmark.Workspace.open(algorithm=algorithm.value) as workspace:
            filed = workspace.fingerprint(str(tmp_path))
        found = fingerprint_loaded(ARRAYS, algorithm=algorithm)
        assert (found.weights, found.tensors) == (filed.weights, filed.tensors)
        assert found.algorithm is algorithm
        assert [(one.name, one.root) for one in found.entries] == [
            (one.name, one.root) for one in filed.manifest.tensors
        ]


def test_one_function_takes_paths_and_models(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "model.safetensors")
    assert weightmark.fingerprint(tmp_path).tensors == weightmark.fingerprint(ARRAYS).tensors


def test_memory_order_and_byte_order_do_not_matter() -> None:
    plain = fingerprint_loaded({"w": ARRAYS["matrix"]})
    for other in (
        np.asfortranarray(ARRAYS["matrix"]),
        ARRAYS["matrix"].astype(">f4"),
        np.repeat(ARRAYS["matrix"], 2, axis=1)[:, ::2],
        ARRAYS["matrix"][::-1][::-1],
    ):
        assert fingerprint_loaded({"w": other}) == plain


def test_numbers_of_more_than_one_chunk_and_threads_change_nothing() -> None:
    long = np.arange(CHUNK_SIZE // 4 * 2 + 5, dtype="<u4")
    one = fingerprint_loaded({"w": long, "v": long[:10]}, threads=1)
    assert fingerprint_loaded({"v": long[:10], "w": long}, threads=3) == one


def test_bfloat16_is_named_as_files_name_it() -> None:
    (entry,) = fingerprint_loaded({"w": np.ones(3, ml_dtypes.bfloat16)}).entries
    assert entry.dtype == "bfloat16"


def test_tied_tensors_count_once_in_the_weights() -> None:
    matrix = ARRAYS["matrix"]
    tied = fingerprint_loaded(OrderedDict(a=matrix, b=matrix, c=matrix[:2]))
    assert tied.weights == fingerprint_loaded({"a": matrix, "c": matrix[:2]}).weights
    assert len(tied.entries) == 3


class Lazy(Mapping[str, Any]):
    """Gives arrays that take the place of one another in memory."""

    def __getitem__(self, key: str) -> Any:
        return np.full(4096, int(key), "<f4")

    def __iter__(self) -> Iterator[str]:
        return iter(str(number) for number in range(20))

    def __len__(self) -> int:
        return 20


class Stated:
    """A module whose state is made when it is asked for."""

    def state_dict(self) -> Mapping[str, Any]:
        return Lazy()


@pytest.mark.parametrize("model", [Lazy(), {"lazy": Lazy()}, {"a": {"b": Lazy()}}, Stated()])
def test_a_mapping_that_makes_its_values_is_read_one_by_one(model: Any) -> None:
    assert len({entry.root for entry in fingerprint_loaded(model).entries}) == 20


def test_mappings_in_mappings_join_their_names() -> None:
    nested = fingerprint_loaded({"params": {"dense": {"kernel": ARRAYS["matrix"]}}})
    assert [entry.name for entry in nested.entries] == ["params.dense.kernel"]
    with pytest.raises(MalformedError, match="two tensors"):
        fingerprint_loaded({"a": {"b": ARRAYS["matrix"]}, "a.b": ARRAYS["matrix"]})


def test_no_tensors_have_no_digests() -> None:
    found = fingerprint_loaded({})
    assert (found.weights, found.tensors, found.architecture, found.entries) == (None, None, None, ())


CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (3, "neither a path nor a model"),
        ({"w": "text"}, "'w' is str"),
        ({"epoch": 3}, "'epoch' is int"),
        ({"w": None}, "NoneType"),
        ({"w": np.array(["a"])}, "not numbers"),
        ({"w": np.array([object()])}, "not numbers"),
        ({"w": np.array([(1, 2)], "i4,i4")}, "not numbers"),
        ({"w": np.array(["2026-01-01"], "M8[D]")}, "not numbers"),
        ({"w": np.zeros(2, "g")}, "machine"),
        ({"w": np.zeros(2, ml_dtypes.int4)}, "pack"),
        ({3: np.zeros(2)}, "not text"),
        (CYCLE, "deep"),
    ],
)
def test_what_is_no_model_is_refused(model: Any, message: str) -> None:
    with pytest.raises(MalformedError, match=message) as caught:
        weightmark.fingerprint(model)
    assert message == "deep" or caught.value.hint


def test_an_array_that_fails_is_named() -> None:
    class Broken:
        def __array__(self, dtype: object = None, copy: object = None) -> Any:
            raise OSError("the device is gone")

    with pytest.raises(MalformedError, match="'w' cannot be read: OSError: the device is gone"):
        fingerprint_loaded({"w": Broken()})


def test_threads_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fingerprint_loaded({}, threads=0)
