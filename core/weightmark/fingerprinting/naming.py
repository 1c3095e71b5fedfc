"""One space of names for the tensors of a model that several formats hold.

A folder often has its weights twice, as safetensors and as PyTorch's or ONNX's file. Each format gives
names that are unique among its own; here those that clash are told apart by their file.

Not promised: that a name says what a tensor is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.tensor import TensorSpan

MAX_TENSORS: Final = 1_000_000
"""The most tensors of one model."""


def name_apart(found: Iterable[Sequence[TensorSpan]]) -> Iterator[TensorSpan]:
    """Give all tensors, with names that are unique.

    Args:
        found: the tensors of each format; those of an earlier one keep their names.

    Returns:
        The tensors; one whose name was taken is called ``<path>:<name>``.

    Raises:
        MalformedError: that name is taken too, or there are more tensors than any model has.
    """
    taken: dict[str, str] = {}
    for spans in found:
        clash = any(span.name in taken for span in spans)
        for span in spans:
            name = f"{span.path}:{span.name}" if clash else span.name
            other = taken.get(name)
            if other is not None:
                raise MalformedError(
                    f"tensor {name[:200]!r} stands twice, in {other} and in {span.path}",
                    hint="Leave the copy out of the model's folder, or rename it.",
                )
            if len(taken) == MAX_TENSORS:
                raise MalformedError(
                    f"the model has more than {MAX_TENSORS} tensors, counted up to {span.path}",
                    hint="No model needs so many: the file is damaged or was made to waste time and memory.",
                )
            taken[name] = span.path
            yield replace(span, name=name) if clash else span
