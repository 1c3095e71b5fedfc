"""skops' files: names by the schema; and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest
from tests.format_files import node, npy, pack, read

from weightmark.errors import MalformedError
from weightmark_plugins.formats.skops import SkopsFormat

ARRAY = npy("float64", (1,), bytes(8))
SPARSE = pack(
    {"data.npy": ARRAY, "indices.npy": npy("int32", (1,), bytes(4)), "format.npy": npy("S3", (), b"csr")}
)


def write(
    folder: Path, schema: object, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED
) -> None:
    content = {"schema.json": json.dumps(schema).encode(), **members}
    (folder / "m.skops").write_bytes(pack(content, compression))


def array(file: str, kind: str = "numpy") -> dict[str, object]:
    return node("NdArrayNode", type=kind, file=file)


def test_names_are_the_way_through_the_schema(tmp_path: Path) -> None:
    steps = node("ListNode", content=[node("TupleNode", content=[array("1.npy"), array("2.npy")])])
    attributes = {"steps": steps, "content": array("1.npy"), "sparse": array("3.npz", "scipy")}
    tree = {**node("TreeNode", content=node("DictNode", content={"nodes": array("2.npy")}))}
    tree["__reduce__"] = {"args": node("TupleNode", content=[array("1.npy")])}
    schema = node(
        "ObjectNode", content=node("DictNode", content={**attributes, "tree": tree}, key_types=steps)
    )
    write(tmp_path, schema, {"1.npy": ARRAY, "2.npy": npy("int64", (1,), bytes(8)), "3.npz": SPARSE})
    assert set(read(SkopsFormat, tmp_path)) == {
        *("steps.0.0", "steps.0.1", "content", "sparse.data", "sparse.indices", "tree.nodes", "tree.args.0"),
    }


def test_a_schema_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    for schema, members, word in (
        (node("ObjectNode", content={"a": array("1.npy")}), {}, "'1.npy'"),
        (node("ObjectNode", content={"a": array("1.npy")}), {"1.npy": ARRAY[:-1]}, "needs"),
        ([1], {}, "schema.json"),
    ):
        write(tmp_path, schema, members)
        with pytest.raises(MalformedError, match=word):
            read(SkopsFormat, tmp_path)
    (tmp_path / "m.skops").write_bytes(pack({"other.json": b"{}"}))
    with pytest.raises(MalformedError, match=r"no schema\.json"):
        read(SkopsFormat, tmp_path)


def test_an_archive_compressed_inside_of_an_archive_is_refused(tmp_path: Path) -> None:
    schema = node("ObjectNode", content={"a": array("1.npz", "scipy")})
    write(tmp_path, schema, {"1.npz": SPARSE}, zipfile.ZIP_DEFLATED)
    with pytest.raises(MalformedError, match="compressed archive inside of one"):
        read(SkopsFormat, tmp_path)
