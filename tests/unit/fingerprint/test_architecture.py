"""The configuration in its canonical form, and the digest over a network's shape."""

from pathlib import Path

import pytest

from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.fingerprinting import architecture as module
from weightmark.fingerprinting import architecture_digest, read_config
from weightmark.model import Artifact, TensorSpan


def read(folder: Path, text: bytes) -> object:
    (folder / "config.json").write_bytes(text)
    return read_config(Artifact.open(folder))


def span(name: str, dtype: str = "float32", shape: tuple[int, ...] = (1,)) -> TensorSpan:
    return TensorSpan(name=name, dtype=dtype, shape=shape, path="f", start=0, stop=4)


def test_volatile_keys_are_dropped_at_the_top_only(tmp_path: Path) -> None:
    text = b'{"_name_or_path": "x", "dtype": "bfloat16", "sub": {"_name_or_path": "y"}, "a": [1, null, true]}'
    assert read(tmp_path, text) == {
        "dtype": "bfloat16",
        "sub": {"_name_or_path": "y"},
        "a": [1, None, True],
    }


def test_large_integers_are_written_as_text(tmp_path: Path) -> None:
    text = b'{"a": 9007199254740991, "b": 9007199254740992, "c": [-9007199254740993], "d": {"e": 1%s}}' % (
        b"0" * 30
    )
    assert read(tmp_path, text) == {
        "a": 2**53 - 1,
        "b": "9007199254740992",
        "c": ["-9007199254740993"],
        "d": {"e": "1" + "0" * 30},
    }


def test_only_the_one_at_the_top_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/config.json").write_text("no json")
    assert read_config(Artifact.open(tmp_path)) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b"[" * 99,
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(MalformedError, match=r"config\.json") as caught:
        read(tmp_path, text)
    assert "JSON" in caught.value.hint


def test_a_large_configuration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONFIG_SIZE", 10)
    assert read(tmp_path, b'{"a": "b"}') == {"a": "b"}
    with pytest.raises(MalformedError, match="11 bytes"):
        read(tmp_path, b'{"a": "bc"}')


def test_what_the_digest_depends_on() -> None:
    digests = [
        architecture_digest({"a": 1}, [], Algorithm.SHA256),
        architecture_digest({"a": 2}, [], Algorithm.SHA256),
        architecture_digest(None, [span("t")], Algorithm.SHA256),
        architecture_digest(None, [span("u")], Algorithm.SHA256),
        architecture_digest(None, [span("t", "int8")], Algorithm.SHA256),
        architecture_digest(None, [span("t", shape=(1, 1))], Algorithm.SHA256),
        architecture_digest({"a": 1}, [span("t")], Algorithm.SHA256),
        architecture_digest({"a": 1}, [span("t")], Algorithm.BLAKE3),
    ]
    assert len(set(digests)) == len(digests)
    one = architecture_digest({}, [span("t"), span("u")], Algorithm.SHA256)
    assert one == architecture_digest({}, [span("u"), span("t")], Algorithm.SHA256)
    assert architecture_digest(None, [], Algorithm.SHA256) is None


def test_what_python_writes_beyond_json_is_taken_as_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'{"time_step_limit":[0.0,Infinity],"unset":NaN}')
    assert read_config(Artifact.open(tmp_path)) == {"time_step_limit": [0.0, "Infinity"], "unset": "NaN"}
