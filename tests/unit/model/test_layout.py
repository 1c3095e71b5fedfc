"""Canonical bytes out of views, transposes, big-endian and compressed ones."""

import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from weightmark.errors import MalformedError
from weightmark.model import Inflated, Layout, Stored, Strided, TensorSpan, check_work, layout
from weightmark.model.layout import MOST_WHOLE


def stored(data: bytes) -> Stored:
    return Stored(what="tensor 'a' in f", size=len(data), read=lambda start, size: data[start : start + size])


def made(kind: Layout, data: bytes) -> bytes:
    whole = b"".join(kind.blocks(stored(data)))
    assert len(whole) == kind.size
    return whole


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("buffer", [1, 8, 40, 10**6])
@pytest.mark.parametrize(
    ("lengths", "strides", "offset"),
    [
        ((), (), 5),
        ((3, 4), (1, 3), 0),
        ((2, 3, 2), (6, 1, 3), 1),
        ((4, 5), (0, 1), 2),
        ((3, 0), (1, 1), 0),
        ((7,), (2,), 3),
    ],
)
def test_a_view_gives_what_numpy_gives(
    monkeypatch: pytest.MonkeyPatch, buffer: int, lengths: Sequence[int], strides: Sequence[int], offset: int
) -> None:
    monkeypatch.setattr(layout, "BUFFER", buffer)
    source = np.arange(24, dtype="<f4")
    view = np.lib.stride_tricks.as_strided(source[offset:], lengths, [stride * 4 for stride in strides])
    kind = Strided(itemsize=4, lengths=tuple(lengths), strides=tuple(strides), offset=offset)
    assert made(kind, source.tobytes()) == view.tobytes()


def test_big_endian_numbers_are_turned() -> None:
    kind = Strided(itemsize=4, lengths=(2, 3), strides=(1, 2), swapped=True)
    source = np.arange(6, dtype=">i4")
    assert made(kind, source.tobytes()) == source.reshape(3, 2).T.astype("<i4").tobytes()


def test_compressed_bytes_are_inflated_and_then_picked() -> None:
    source = np.arange(12, dtype="<f8")
    inner = Inflated(length=96, skip=10)
    assert made(inner, deflated(b"x" * 10 + source.tobytes())) == source.tobytes()
    kind = Strided(itemsize=8, lengths=(3, 4), strides=(1, 3), inner=inner)
    assert kind.name == "strided+deflate"
    assert made(kind, deflated(b"x" * 10 + source.tobytes())) == source.reshape(4, 3).T.tobytes()


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (Strided(itemsize=4, lengths=(4,), strides=(2,)), bytes(20), "wants bytes"),
        (Strided(itemsize=4, lengths=(4,), strides=(-1,), offset=3), bytes(20), "strides"),
        (Strided(itemsize=4, lengths=(4, 1), strides=(1,)), bytes(20), "strides"),
        (Inflated(length=10), deflated(bytes(9)), "only 9"),
        (Inflated(length=10), deflated(bytes(11)), "more"),
        (Inflated(length=10), b"\xff\xff\xff", "decompressed"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Layout, data: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words) as caught:
        b"".join(kind.blocks(stored(data)))
    assert caught.value.hint


def test_what_is_made_on_the_way_counts_as_work() -> None:
    inner = Inflated(length=100, skip=10)
    picked = Strided(itemsize=1, lengths=(2,), strides=(3,), inner=inner)
    assert (inner.work, picked.size, picked.work) == (110, 2, 112)


def test_a_layout_over_a_huge_inner_one_is_refused_before_anything_is_made() -> None:
    inner = Inflated(length=MOST_WHOLE + 1)
    picked = Strided(itemsize=1, lengths=(1,), strides=(1,), inner=inner)
    with pytest.raises(MalformedError, match="at once"):
        list(picked.blocks(Stored(what="tensor 'a'", size=0, read=lambda _start, _size: b"")))


def test_small_tensors_over_large_inner_ones_are_refused_as_a_bomb() -> None:
    inner = Inflated(length=MOST_WHOLE)
    picked = Strided(itemsize=1, lengths=(1,), strides=(1,), inner=inner)
    spans = [
        TensorSpan(name=f"t{number}", dtype="uint8", shape=(), path="a", start=0, stop=9, layout=picked)
        for number in range(5)
    ]
    check_work(spans[:3], 9)
    with pytest.raises(MalformedError, match="'t3' in a unfold"):
        check_work(spans, 9)
