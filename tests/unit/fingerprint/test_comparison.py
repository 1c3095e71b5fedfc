"""What differs between two manifests."""

import pytest

from weightmark.encoding import Algorithm, digest_bytes
from weightmark.fingerprinting import Difference, compare_manifests
from weightmark.model import FileEntry, ModelManifest, TensorEntry

Tensors = dict[str, tuple[str, str]]


def manifest(files: dict[str, str], tensors: Tensors | None = None) -> ModelManifest:
    """Make a manifest from files (path: content) and tensors (name: path, content)."""
    return ModelManifest(
        algorithm=Algorithm.SHA256,
        files=tuple(
            FileEntry(path=path, size=len(text), root=digest_bytes(text.encode()))
            for path, text in files.items()
        ),
        tensors=tuple(
            TensorEntry(
                name=name,
                dtype="uint8",
                shape=(1,),
                path=path,
                start=0,
                stop=1,
                root=digest_bytes(text.encode()),
            )
            for name, (path, text) in (tensors or {}).items()
        ),
    )


BASE = manifest({"a": "1", "m": "2"}, {"t": ("m", "t"), "u": ("m", "u")})
CASES: dict[str, tuple[ModelManifest, list[tuple[str, str, str]]]] = {
    "nothing": (BASE, []),
    "a file": (manifest({"a": "X", "m": "2"}, {"t": ("m", "t"), "u": ("m", "u")}), [("a", "", "changed")]),
    "a file gone": (manifest({"m": "2"}, {"t": ("m", "t"), "u": ("m", "u")}), [("a", "", "missing")]),
    "a file more": (
        manifest({"a": "1", "b": "1", "m": "2"}, {"t": ("m", "t"), "u": ("m", "u")}),
        [("b", "", "unexpected")],
    ),
    "a tensor": (manifest({"a": "1", "m": "X"}, {"t": ("m", "X"), "u": ("m", "u")}), [("m", "t", "changed")]),
    "a tensor gone": (manifest({"a": "1", "m": "X"}, {"t": ("m", "t")}), [("m", "u", "missing")]),
    "a tensor more": (
        manifest({"a": "1", "m": "X"}, {"t": ("m", "t"), "u": ("m", "u"), "v": ("m", "v")}),
        [("m", "v", "unexpected")],
    ),
    "a tensor renamed": (
        manifest({"a": "1", "m": "X"}, {"t": ("m", "t"), "w": ("m", "u")}),
        [("m", "u", "missing"), ("m", "w", "unexpected")],
    ),
    "the header": (
        manifest({"a": "1", "m": "X"}, {"t": ("m", "t"), "u": ("m", "u")}),
        [("m", "", "header-changed")],
    ),
    "a file renamed": (
        manifest({"a": "1", "n": "2"}, {"t": ("n", "t"), "u": ("n", "u")}),
        [("m", "", "missing"), ("n", "", "unexpected")],
    ),
    "a file renamed and a tensor changed": (
        manifest({"a": "1", "n": "X"}, {"t": ("n", "t"), "u": ("n", "X")}),
        [("m", "", "missing"), ("n", "", "unexpected"), ("n", "u", "changed")],
    ),
    "the model file gone": (manifest({"a": "1"}), [("m", "", "missing")]),
    "a tensor moved": (
        manifest({"a": "X", "m": "X"}, {"t": ("m", "t"), "u": ("a", "u")}),
        [("a", "", "changed"), ("m", "", "changed")],
    ),
    "read without formats": (manifest({"a": "1", "m": "2"}), []),
}


@pytest.mark.parametrize("name", CASES)
def test_differences_are_named(name: str) -> None:
    found, expected = CASES[name]
    differences = compare_manifests(BASE, found)
    assert [(d.path, d.tensor, d.reason) for d in differences] == expected


def test_another_shape_or_dtype_is_a_change() -> None:
    tensor = TensorEntry(
        name="t", dtype="int8", shape=(1,), path="m", start=0, stop=1, root=digest_bytes(b"t")
    )
    other = ModelManifest(algorithm=Algorithm.SHA256, files=manifest({"m": "X"}).files, tensors=(tensor,))
    expected = (Difference(path="m", tensor="t", reason="changed"),)
    assert compare_manifests(manifest({"m": "2"}, {"t": ("m", "t")}), other) == expected


def test_two_algorithms_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_manifests(BASE, ModelManifest(algorithm=Algorithm.BLAKE3, files=()))
