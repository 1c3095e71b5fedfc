"""GGUF: the order of rows, quantised types, parts, names, and what is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tests.model_files import gguf_file, gguf_text, gguf_value

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark.testing.format import read_tensor
from weightmark_plugins.formats.gguf import GgufFormat, read_metadata
from weightmark_plugins.formats.gguf_names import hf_name

FOUR = bytes(range(16))
ONE = {"w": ("float32", (4,), FOUR)}
LLAMA = {"general.architecture": "llama", "llama.attention.head_count": 4}


def read(folder: Path) -> dict[str, tuple[TensorSpan, bytes]]:
    artifact = Artifact.open(folder)
    reader = GgufFormat()
    spans = reader.tensors(artifact, reader.claims(artifact))
    return {span.name: (span, read_tensor(artifact, span)) for span in spans}


def write(folder: Path, content: bytes, name: str = "m.gguf") -> Path:
    (folder / name).write_bytes(content)
    return folder


def permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorder rows as the converter of llama.cpp does for LLaMA."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


# ---- the order of rows
@pytest.mark.parametrize(("kind", "heads"), [("q", 4), ("k", 2)])
@pytest.mark.parametrize(("ending", "shape"), [("weight", (16, 3)), ("bias", (16,))])
def test_queries_and_keys_get_their_order_back(
    kind: str, heads: int, ending: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    source = np.random.default_rng(1).standard_normal(shape).astype("float32")
    name = f"blk.0.attn_{kind}.{ending}"
    tensors = {name: ("float32", shape, permute(source, heads).tobytes())}
    metadata = {**LLAMA, "llama.attention.head_count_kv": 2}
    assert read(write(tmp_path, gguf_file(tensors, metadata)))[name][1] == source.tobytes()


def test_heads_may_differ_by_layer(tmp_path: Path) -> None:
    source = np.arange(16, dtype="float32").reshape(8, 2)
    tensors = {f"blk.{n}.attn_q.weight": ("float32", (8, 2), permute(source, 2**n).tobytes()) for n in (0, 1)}
    metadata = {"general.architecture": "deci", "deci.attention.head_count": [1, 2]}
    found = read(write(tmp_path, gguf_file(tensors, metadata)))
    assert {content for _, content in found.values()} == {source.tobytes()}


def test_quantised_rows_get_their_order_back(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).integers(0, 256, (8, 34), dtype=np.uint8)
    tensors = {"blk.0.attn_q.weight": ("q8_0", (8, 32), permute(rows, 4).tobytes())}
    assert read(write(tmp_path, gguf_file(tensors, LLAMA)))["blk.0.attn_q.weight"][1] == rows.tobytes()


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("blk.0.attn_v.weight", "llama"), ("blk.0.attn_q.weight", "qwen2"), ("v.blk.0.attn_q.weight", "llama")],
)
def test_other_tensors_stay_as_they_are(name: str, architecture: str, tmp_path: Path) -> None:
    metadata = {**LLAMA, "general.architecture": architecture}
    span, content = read(write(tmp_path, gguf_file({name: ("float32", (4,), FOUR)}, metadata)))[name]
    assert (span.layout, content) == (None, FOUR)


@pytest.mark.parametrize(
    "metadata", [{"general.architecture": "llama"}, {**LLAMA, "llama.attention.head_count": 3}]
)
def test_heads_that_do_not_fit_are_refused(metadata: dict[str, object], tmp_path: Path) -> None:
    tensors = {"blk.0.attn_q.weight": ("float32", (4, 1), FOUR)}
    with pytest.raises(MalformedError, match="heads"):
        read(write(tmp_path, gguf_file(tensors, metadata)))


# ---- types and parts
def test_quantised_tensors_are_blocks_with_a_shape_in_elements(tmp_path: Path) -> None:
    tensors = {"w": ("q4_k", (2, 256), bytes(288)), "x": ("bfloat16", (2,), b"abcd")}
    found = read(write(tmp_path, gguf_file(tensors)))
    assert {name: (span.dtype, span.shape, content) for name, (span, content) in found.items()} == tensors


def write_parts(folder: Path, count: int = 2) -> None:
    metadata = {**LLAMA, "split.count": count}
    source = np.arange(8, dtype="float32").reshape(8, 1)
    write(folder, gguf_file({"w": ("float32", (4,), FOUR)}, metadata), "m-00001-of-00002.gguf")
    second = {"blk.0.attn_q.weight": ("float32", (8, 1), permute(source, 4).tobytes())}
    write(folder, gguf_file(second, {"split.no": 1}), "m-00002-of-00002.gguf")


def test_parts_are_one_model(tmp_path: Path) -> None:
    write_parts(tmp_path)
    found = read(tmp_path)
    assert set(found) == {"w", "blk.0.attn_q.weight"}
    assert found["blk.0.attn_q.weight"][1] == np.arange(8, dtype="float32").tobytes()


@pytest.mark.parametrize("gone", [1, 2])
def test_a_missing_part_is_named(gone: int, tmp_path: Path) -> None:
    write_parts(tmp_path)
    (tmp_path / f"m-0000{gone}-of-00002.gguf").unlink()
    with pytest.raises(MalformedError, match=f"m-0000{gone}-of-00002.gguf is not there"):
        read(tmp_path)


def test_two_models_keep_their_names_apart(tmp_path: Path) -> None:
    write(tmp_path, gguf_file(ONE), "a.gguf")
    write(tmp_path, gguf_file(ONE), "b.gguf")
    assert set(read(tmp_path)) == {"w", "b.gguf:w"}


def test_metadata_are_read_without_long_lists(tmp_path: Path) -> None:
    metadata = {
        "general.license": "apache-2.0",
        "general.base_model.count": 1,
        "general.base_model.0.name": "Base",
        "tokenizer.ggml.tokens": ["a", "b"],
        "layers": [1, 2, 3],
        "many": [0] * 2000,
    }
    write(tmp_path, gguf_file(ONE, metadata))
    found = dict(read_metadata(Artifact.open(tmp_path), "m.gguf"))
    assert found == {
        "general.license": "apache-2.0",
        "general.base_model.count": 1,
        "general.base_model.0.name": "Base",
        "layers": (1, 2, 3),
    }


def test_names_are_mapped_to_those_of_transformers() -> None:
    assert hf_name("llama", "token_embd.weight") == "model.embed_tokens.weight"
    assert hf_name("qwen2", "blk.3.attn_k.bias") == "model.layers.3.self_attn.k_proj.bias"
    assert hf_name("llama", "blk.3.ffn_norm.weight") == "model.layers.3.post_attention_layernorm.weight"
    assert hf_name("gemma2", "blk.3.ffn_norm.weight") == "model.layers.3.pre_feedforward_layernorm.weight"
    assert hf_name("mamba", "token_embd.weight") is None
    assert hf_name("llama", "blk.0.unknown.weight") is None
    assert hf_name("llama", "rope_freqs") is None


# ---- damage
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 62, 0), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 62), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2_000_000, 0) + bytes(60_000_000), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUX" + bytes(40), "no GGUF file"),
        (b"GGUF", "no GGUF file"),
    ],
    ids=["tensors", "entries", "too many", "version", "endian", "magic", "short"],
)
def test_an_absurd_header_is_refused(content: bytes, match: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=match) as caught:
        read(write(tmp_path, content))
    assert caught.value.hint


def header(value: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + gguf_text("k") + value + bytes(64)


@pytest.mark.parametrize(
    "value",
    [
        struct.pack("<IQ", 8, 1 << 60),
        struct.pack("<IIQ", 9, 4, 1 << 60),
        struct.pack("<IIQ", 9, 8, 1 << 60),
        struct.pack("<I", 13),
        struct.pack("<IIQ", 9, 13, 1),
        b"".join(struct.pack("<IQ", 9, 1) for _ in range(9)),
    ],
    ids=["text", "list", "list of texts", "type", "list of what", "lists in lists"],
)
def test_absurd_metadata_are_refused(value: bytes, tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        read(write(tmp_path, header(value)))


@pytest.mark.parametrize(
    ("tensors", "match"),
    [
        ({"w": ("float32", (1 << 60, 1 << 60), b"")}, "more than"),
        ({"w": ("float32", (5,), FOUR)}, "needs 20 bytes"),
        ({"w": ("q4_k", (2, 100), bytes(288))}, "whole blocks"),
        ({"w": ("float32", (1,) * 9, FOUR)}, "9 dimensions"),
        ({"a": ("float32", (20,), FOUR), "b": ("float32", (4,), bytes(80))}, "overlap"),
    ],
)
def test_a_damaged_tensor_is_refused(
    tensors: dict[str, tuple[str, tuple[int, ...], bytes]], match: str, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError, match=match):
        read(write(tmp_path, gguf_file(tensors)))


def test_one_name_for_two_tensors_is_refused(tmp_path: Path) -> None:
    content = gguf_file({"a": ("float32", (4,), FOUR), "b": ("float32", (4,), FOUR)})
    with pytest.raises(MalformedError, match="stands for two tensors"):
        read(write(tmp_path, content.replace(gguf_text("b"), gguf_text("a"))))


@pytest.mark.parametrize("alignment", ["text", 0, 3, 1 << 30])
def test_an_absurd_alignment_is_refused(alignment: object, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="aligns"):
        read(write(tmp_path, gguf_file(ONE, {"general.alignment": alignment})))


def test_another_alignment_is_kept(tmp_path: Path) -> None:
    content = gguf_file({**ONE, "x": ("float32", (1,), b"abcd")}, {"general.alignment": 64}, alignment=64)
    assert read(write(tmp_path, content))["x"][1] == b"abcd"
    assert gguf_value(64) in content
