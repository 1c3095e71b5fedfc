"""Where files are cut."""

import pytest

from weightmark.errors import MalformedError
from weightmark.fingerprinting.tree import CHUNK_SIZE, FilePlan, plan_file
from weightmark.model import TensorSpan


def span(name: str, start: int, stop: int) -> TensorSpan:
    return TensorSpan(name=name, dtype="uint8", shape=(stop - start,), path="f", start=start, stop=stop)


def ranges(plan: FilePlan) -> dict[str, tuple[int, int]]:
    return {part.span.name: (part.first, part.last) for part in plan.tensors}


@pytest.mark.parametrize(
    ("size", "bounds"),
    [(0, (0,)), (1, (0, 1)), (4, (0, 4)), (5, (0, 4, 5)), (8, (0, 4, 8)), (9, (0, 4, 8, 9))],
)
def test_a_file_without_tensors(size: int, bounds: tuple[int, ...]) -> None:
    plan = plan_file("f", size, [], chunk_size=4)
    assert plan.bounds == bounds
    assert plan.chunks == len(bounds) - 1


def test_cuts_begin_anew_at_each_tensor() -> None:
    plan = plan_file("f", 30, [span("b", 13, 22), span("a", 3, 13)], chunk_size=4)
    assert plan.bounds == (0, 3, 7, 11, 13, 17, 21, 22, 26, 30)
    assert ranges(plan) == {"a": (1, 4), "b": (4, 7)}


def test_empty_tensors_cut_nothing() -> None:
    plan = plan_file("f", 10, [span("e", 5, 5), span("a", 0, 4), span("z", 10, 10)], chunk_size=100)
    assert plan.bounds == (0, 4, 10)
    assert ranges(plan) == {"a": (0, 1), "e": (0, 0), "z": (0, 0)}


def test_the_chunk_size_is_16_mib() -> None:
    assert plan_file("f", 2**24 + 1, []).bounds == (0, CHUNK_SIZE, CHUNK_SIZE + 1) == (0, 2**24, 2**24 + 1)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([span("a", 0, 11)], "'a' has bytes 0 to 11, but f has 10"),
        ([span("a", -1, 3)], "'a'"),
        ([span("a", 3, 2)], "'a'"),
        ([span("a", 0, 5), span("b", 4, 6)], "'a' and 'b' overlap in f"),
        ([span("a", 0, 4), span("b", 0, 5)], "overlap"),
    ],
)
def test_bad_spans_are_refused(spans: list[TensorSpan], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        plan_file("f", 10, spans)


def test_other_plans_have_other_digests() -> None:
    plans = [
        plan_file("f", 10, []),
        plan_file("f", 11, []),
        plan_file("f", 10, [span("a", 0, 10)]),
        plan_file("f", 10, [span("a", 0, 5)]),
        plan_file("f", 10, [span("a", 0, 5), span("b", 5, 10)]),
        plan_file("f", 10, [span("b", 5, 10)]),
        plan_file("f", 10, [], chunk_size=3),
    ]
    assert len({plan.digest() for plan in plans}) == len(plans)
    assert plan_file("f", 10, []).digest() == plan_file("g", 10, []).digest()


def test_tensors_that_are_the_same_bytes_share_their_chunks() -> None:
    plan = plan_file("f", 20, [span("tied", 4, 14), span("a", 4, 14), span("z", 14, 20)], chunk_size=4)
    assert ranges(plan)["a"] == ranges(plan)["tied"] == (1, 4)
    assert plan.bounds == (0, 4, 8, 12, 14, 18, 20)
