"""A model of a billion tiny tensors is refused before it fills the memory."""

import pytest

from weightmark.errors import MalformedError
from weightmark.fingerprinting import name_apart, naming
from weightmark.model import TensorSpan


def test_more_tensors_than_any_model_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "MAX_TENSORS", 3)
    spans = [
        TensorSpan(name=str(place), dtype="uint8", shape=(), path="m.bin", start=place, stop=place + 1)
        for place in range(4)
    ]
    assert len(list(name_apart([spans[:3]]))) == 3
    with pytest.raises(MalformedError, match="more than 3 tensors, counted up to m"):
        list(name_apart([spans[:2], spans[2:]]))
