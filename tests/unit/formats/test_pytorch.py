"""PyTorch's files: names, views, ties, kinds of numbers; and what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.format_files import (
    LEGACY,
    call,
    couple,
    mapping,
    name,
    number,
    pack,
    read,
    read_bytes,
    state_dict,
    storage,
    tensor,
    text,
    torch_legacy,
    torch_zip,
    whole,
)

from weightmark.errors import MalformedError
from weightmark_plugins.formats import pickled, pytorch_legacy, pytorch_value
from weightmark_plugins.formats.pytorch import PyTorchFormat

DATA = np.arange(24, dtype="<f4").tobytes()
STORED = storage("0", "float32", 24)


def write(folder: Path, root: bytes, file: str = "model.pt", **options: bytes) -> None:
    (folder / file).write_bytes(torch_zip(whole(root), {"0": DATA}, **options))  # type: ignore[arg-type]


def refuse(folder: Path, *words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(PyTorchFormat, folder)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint


def whole_tensor() -> bytes:
    return tensor(STORED, [4, 6], [6, 1])


def test_names_are_the_way_to_a_tensor(tmp_path: Path) -> None:
    inner = b"](" + whole_tensor() + b"}" + number(7) + whole_tensor() + b"s" + b"e"
    write(tmp_path, mapping({"state": mapping({"layers": inner}), "epoch": number(3)}))
    assert list(read(PyTorchFormat, tmp_path)) == ["state.layers.0", "state.layers.1.7"]


def test_a_tensor_alone_is_called_like_its_file(tmp_path: Path) -> None:
    write(tmp_path, whole_tensor(), file="embedding.pt")
    assert list(read(PyTorchFormat, tmp_path)) == ["embedding"]


def test_views_of_one_storage_are_layouts_and_tied_tensors_are_one_range(tmp_path: Path) -> None:
    root = {
        "whole": whole_tensor(),
        "tied": whole_tensor(),
        "row": tensor(STORED, [6], [1], 6),
        "column": tensor(STORED, [4], [6], 1),
        "turned": tensor(STORED, [6, 4], [1, 6]),
        "repeated": tensor(STORED, [3, 2], [0, 1]),
        "scalar": tensor(STORED, [], [], 5),
    }
    write(tmp_path, mapping(root))
    spans, data = read(PyTorchFormat, tmp_path), read_bytes(PyTorchFormat, tmp_path)
    array = np.arange(24, dtype="<f4").reshape(4, 6)
    expected = {
        "whole": array,
        "tied": array,
        "row": array[1],
        "column": array[:, 1],
        "turned": array.T,
        "repeated": np.broadcast_to(array[0, :2], (3, 2)),
        "scalar": array[0, 5],
    }
    assert data == {key: np.ascontiguousarray(value).tobytes() for key, value in expected.items()}
    assert {key for key, span in spans.items() if span.layout is None} == {"whole", "tied"}
    assert (spans["whole"].start, spans["whole"].stop) == (spans["tied"].start, spans["tied"].stop)


def test_big_endian_numbers_are_turned(tmp_path: Path) -> None:
    big = {"0": np.arange(3, dtype=">f4").tobytes(), "1": np.array([1 + 2j], dtype=">c8").tobytes()}
    root = {
        "a": tensor(storage("0", "float32", 3), [3], [1]),
        "c": tensor(storage("1", "complex64", 1), [1], [1]),
    }
    (tmp_path / "m.pt").write_bytes(torch_zip(whole(mapping(root)), big, order=b"big"))
    data = read_bytes(PyTorchFormat, tmp_path)
    assert data["a"] == np.arange(3, dtype="<f4").tobytes()
    assert data["c"] == np.array([1 + 2j], dtype="<c8").tobytes()
    write(tmp_path, mapping({"a": whole_tensor()}), "m.pt", order=b"mixed")
    refuse(tmp_path, "'mixed'")


def test_a_module_has_the_names_of_its_state_dict(tmp_path: Path) -> None:
    def module(parameters: bytes, buffers: bytes, modules: bytes, unsaved: bytes) -> bytes:
        state = {
            "_parameters": parameters,
            "_buffers": buffers,
            "_modules": modules,
            "_non_persistent_buffers_set": call(name("__builtin__", "set"), b"](" + unsaved + b"e"),
            "cache": whole_tensor(),
        }
        return name("my.models", "Net") + b")\x81" + mapping(state) + b"b"

    parameter = call(name("torch._utils", "_rebuild_parameter"), whole_tensor(), b"\x88", b"}")
    buffers = mapping({"mean": whole_tensor(), "mask": whole_tensor()})
    inner = module(mapping({"weight": parameter, "bias": b"N"}), b"}", b"}", b"")
    write(tmp_path, module(b"}", buffers, mapping({"0": inner}), text("mask")))
    assert list(read(PyTorchFormat, tmp_path)) == ["mean", "0.weight"]


def test_objects_of_unknown_classes_are_plain_data(tmp_path: Path) -> None:
    arguments = call(name("argparse", "Namespace")) + mapping({"w": whole_tensor()}) + b"b"
    kind = call(name("transformers.trainer_utils", "IntervalStrategy"), text("steps"))
    colour = call(name("__builtin__", "getattr"), name("my.models", "Colour"), text("RED"))
    write(tmp_path, mapping({"args": arguments, "kind": kind, "colour": colour, "w": whole_tensor()}))
    assert list(read(PyTorchFormat, tmp_path)) == ["args.w", "w"]


def test_sparse_tensors_give_their_parts(tmp_path: Path) -> None:
    layout = call(name("torch.serialization", "_get_layout"), text("torch.sparse_coo"))
    parts = couple(
        tensor(STORED, [2, 3], [3, 1]), tensor(STORED, [3], [1], 6), couple(number(9), number(9)), b"\x88"
    )
    write(tmp_path, mapping({"s": call(name("torch._utils", "_rebuild_sparse_tensor"), layout, parts)}))
    assert list(read(PyTorchFormat, tmp_path)) == ["s.indices", "s.values"]


def test_new_number_types_are_read_from_bytes(tmp_path: Path) -> None:
    stored = (
        couple(text("storage"), name("torch.storage", "UntypedStorage"), text("0"), text("cpu"), number(96))
        + b"Q"
    )
    arguments = (
        stored,
        number(4),
        couple(number(3)),
        couple(number(1)),
        b"\x89",
        b"}",
        name("torch", "float8_e5m2"),
    )
    write(tmp_path, mapping({"f": call(name("torch._utils", "_rebuild_tensor_v3"), *arguments)}))
    span = read(PyTorchFormat, tmp_path)["f"]
    assert (span.dtype, span.shape, span.size) == ("float8_e5m2", (3,), 3)
    assert read_bytes(PyTorchFormat, tmp_path)["f"] == DATA[4:7]


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        *(
            ("posix", "system"),
            ("os", "system"),
            ("nt", "system"),
            ("subprocess", "Popen"),
            ("builtins", "eval"),
        ),
        *(
            ("__builtin__", "exec"),
            ("builtins", "__import__"),
            ("importlib", "import_module"),
            ("runpy", "run_path"),
        ),
        *(
            ("torch", "os.system"),
            ("torch.serialization", "os.system"),
            ("torch", "load"),
            ("torch.hub", "load"),
        ),
        *(
            ("functools", "reduce"),
            ("operator", "attrgetter"),
            ("types", "FunctionType"),
            ("builtins", "print.x"),
        ),
        *(("numpy.testing._private.utils", "runstring"), ("numpy.f2py.crackfortran", "getlincoef")),
        *(
            ("torch.storage", "_load_from_bytes"),
            ("pathlib", "Path.write_text"),
            ("six.moves.builtins", "eval"),
        ),
    ],
)
def test_a_file_that_names_what_runs_code_is_refused_by_that_name(
    tmp_path: Path, module: str, attribute: str
) -> None:
    root = mapping({"w": whole_tensor(), "x": call(name(module, attribute), text("echo"))})
    write(tmp_path, root, "pytorch_model.bin")
    refuse(tmp_path, "pytorch_model.bin", f"{module}.{attribute}")


def test_getattr_cannot_be_used_to_reach_code(tmp_path: Path) -> None:
    picked = call(name("builtins", "getattr"), name("torch", "serialization"), text("os"))
    write(tmp_path, mapping({"x": call(name("builtins", "getattr"), picked, text("system"))}))
    refuse(tmp_path, "torch.serialization.os")
    write(tmp_path, mapping({"x": call(name("builtins", "getattr"), text("word"), text("system"))}))
    refuse(tmp_path, "builtins.getattr")


class Attack:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("1 / 0",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_bare_pickles_and_old_files_that_run_code_are_refused(tmp_path: Path, protocol: int) -> None:
    attack = pickle.dumps({"w": [1, Attack()]}, protocol)
    for content in (attack, attack[:-1], LEGACY + whole(number(1001)) + whole(b"}") + attack):
        (tmp_path / "pytorch_model.bin").write_bytes(content)
        refuse(tmp_path, "pytorch_model.bin", ".eval'")
    (tmp_path / "pytorch_model.bin").write_bytes(pack({"x/other.pkl": attack}))
    refuse(tmp_path, "x/other.pkl in pytorch_model.bin", ".eval'")


def test_a_bare_pickle_that_cannot_be_read_to_its_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.bin").write_bytes(pickle.dumps(list(range(100)), 2))
    monkeypatch.setattr(pickled, "MAX_STEPS", 50)
    refuse(tmp_path, "m.bin", "more than 50 operations")
    monkeypatch.setattr(pickled, "MAX_STEPS", 1000)
    monkeypatch.setattr(pytorch_legacy, "MAX_PICKLE", 50)
    refuse(tmp_path, "m.bin", "more than 50 bytes")


def test_other_files_with_such_endings_are_bytes_without_tensors(tmp_path: Path) -> None:
    (tmp_path / "merges.bin").write_bytes(bytes(range(256)))
    (tmp_path / "text.pt").write_text("plain text")
    (tmp_path / "numbers.bin").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "other.bin").write_bytes(pack({"readme.txt": b"x"}))
    assert read(PyTorchFormat, tmp_path) == {}


def test_a_tar_archive_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_bytes(b"sys_info".ljust(257, b"\0") + b"ustar".ljust(255, b"\0"))
    refuse(tmp_path, "old.pt", "tar archive")


BAD = {
    "a storage that is not there": (tensor(storage("9", "float32", 24), [1], [1]), "'9'"),
    "a storage that is larger": (tensor(storage("0", "float32", 25), [1], [1]), "100"),
    "a view beyond its storage": (tensor(STORED, [25], [1]), "reaches to byte 100"),
    "a stride beyond its storage": (tensor(STORED, [2], [24]), "reaches to byte 100"),
    "a negative stride": (tensor(STORED, [2], [-1], 1), "-1"),
    "an absurd shape": (tensor(STORED, [2**52, 2**52], [0, 0]), "claims more than"),
    "an absurd length": (tensor(STORED, [2**70], [1]), "number from 0 on belongs"),
    "as many strides as not": (tensor(STORED, [2], [1, 1]), "strides"),
    "too many dimensions": (tensor(STORED, [1] * 65, [1] * 65), "65 dimensions"),
    "no storage": (tensor(text("0"), [1], [1]), "no storage"),
    "an unknown storage": (
        tensor(
            couple(text("storage"), name("torch", "OddStorage"), text("0"), text("cpu"), number(1)) + b"Q",
            [1],
            [1],
        ),
        "torch.OddStorage",
    ),
    "numbers that are negated later": (
        tensor(STORED, [1], [1])[:-2] + b"}" + text("neg") + b"\x88s" + b"tR",
        "the neg of its values",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_tensors_that_make_no_sense_are_refused(tmp_path: Path, case: str) -> None:
    root, word = BAD[case]
    write(tmp_path, mapping({"w": root}))
    refuse(tmp_path, "model.pt", word)


def test_shapes_and_strides_of_no_elements_are_taken(tmp_path: Path) -> None:
    write(tmp_path, mapping({"e": tensor(storage("none", "float32", 0), [0, 5], [5, 1])}))
    assert read(PyTorchFormat, tmp_path)["e"].shape == (0, 5)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, b"}(" + text("a") + whole_tensor() + text("a") + whole_tensor() + b"u")
    refuse(tmp_path, "'a'", "two tensors")


def test_values_that_hold_themselves_end(tmp_path: Path) -> None:
    write(tmp_path, b"}q\x00(" + text("self") + b"h\x00" + text("w") + whole_tensor() + b"u")
    assert list(read(PyTorchFormat, tmp_path)) == ["w"]


def test_deep_and_repeated_values_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, b"]" * 10_000 + b"a" * 9_999)
    refuse(tmp_path, "model.pt", "deeper than 100 levels")
    laughs = b"](" + whole_tensor() + b"e"
    for _ in range(40):
        laughs += b"q\x000](h\x00h\x00e"
    monkeypatch.setattr(pytorch_value, "MAX_VISITS", 10_000)
    write(tmp_path, laughs)
    refuse(tmp_path, "model.pt", "same values too often")


def test_pickles_of_too_many_operations_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled, "MAX_STEPS", 100)
    write(tmp_path, b"N" * 101)
    refuse(tmp_path, "more than 100 operations")
    monkeypatch.setattr(pickled, "MAX_OBJECTS", 10)
    write(tmp_path, b"]" * 20)
    refuse(tmp_path, "10 objects")


@pytest.mark.parametrize(
    "root",
    [
        *(b"", b"NN", b"0", b"(", b"h\x07", b"R", b"NNR", b"\x82\x01", b"N)R", b"Nb", b"NNNs", b"](Nu"),
        *(b"\x8b\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 8, b"I" + b"9" * 5000 + b"\n", b"p-1\n", b"S'\\xz'\n"),
        *(b"Np99999999999999\n", b"ctorch\xff\nx\n", b"NN\x93", b"\x97", b"PX\n", b"NQ", b"(o", b"ios\nX\n"),
    ],
)
def test_damaged_pickles_are_refused_in_words(tmp_path: Path, root: bytes) -> None:
    write(tmp_path, mapping({"w": tensor(root, [1], [1])}) if root in {b"PX\n", b"NQ"} else root)
    refuse(tmp_path, "model.pt")


def test_old_files_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    sample = {"a": ("float32", (2,), bytes(8)), "b": ("float32", (1,), bytes(4))}
    good = torch_legacy(*state_dict(sample), {"0": 4, "1": 4})
    (tmp_path / "m.pt").write_bytes(good)
    assert list(read(PyTorchFormat, tmp_path)) == ["a", "b"]
    for content, word in (
        (good[:-1], "states 1 elements"),
        (good + b"x", "belong to no storage"),
        (good[:-8], "ends before"),
        (good[:-12], "ends before"),
        (good[:-12] + b"\xff" * 12, "elements"),
    ):
        (tmp_path / "m.pt").write_bytes(content)
        refuse(tmp_path, "m.pt", word)


def test_two_models_in_one_archive_are_refused(tmp_path: Path) -> None:
    pickle_, _ = state_dict({})
    (tmp_path / "m.pt").write_bytes(pack({"a/data.pkl": pickle_, "b/data.pkl": pickle_}))
    refuse(tmp_path, "2 models")


def test_equal_names_in_two_files_are_told_apart(tmp_path: Path) -> None:
    for file in ("a.pt", "b.pt"):
        write(tmp_path, mapping({"w": whole_tensor()}), file)
    assert list(read(PyTorchFormat, tmp_path)) == ["w", "b.pt:w"]


def test_shards_that_do_not_fit_their_index_are_refused(tmp_path: Path) -> None:
    write(tmp_path, mapping({"w": whole_tensor()}), "pytorch_model-1.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text('{"weight_map": {"w": "pytorch_model-1.bin"}}')
    assert list(read(PyTorchFormat, tmp_path)) == ["w"]
    for value, word in (
        ('{"weight_map": {"w": "../pytorch_model-1.bin"}}', ".."),
        ('{"weight_map": {"w": "other.bin", "x": "pytorch_model-1.bin"}}', "no PyTorch file"),
        ('{"weight_map": {"v": "pytorch_model-1.bin"}}', "does not name"),
        ('{"weight_map": {"w": "pytorch_model-1.bin", "v": "pytorch_model-1.bin"}}', "no shard"),
    ):
        index.write_text(value)
        refuse(tmp_path, word)
