"""A check that plain tensors of one file share all of their bytes or none.

Not promised: anything about tensors whose bytes a layout makes; those may lie where they like.
"""

from collections.abc import Iterable

from weightmark.errors import MalformedError
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.window import show

_HINT = "The file was written wrongly or tampered with: save the model again with its own library."


def check_apart(spans: Iterable[TensorSpan]) -> None:
    """Check that no two plain tensors overlap partly.

    Raises:
        MalformedError: two do; the message names them.
    """
    plain = [span for span in spans if span.layout is None and span.start < span.stop]
    before: TensorSpan | None = None
    for span in sorted(plain, key=lambda span: (span.path, span.start, span.stop)):
        if before is not None and before.path == span.path and span.start < before.stop:
            if (before.start, before.stop) != (span.start, span.stop):
                raise MalformedError(
                    f"tensors {show(before.name)} and {show(span.name)} overlap in {span.path}: one ends at "
                    f"byte {before.stop}, the other begins at byte {span.start}",
                    hint=_HINT,
                )
        else:
            before = span
