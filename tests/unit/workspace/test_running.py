"""A model in a process of its own: whatever it does there, the caller gets arrays or a clear error."""

import contextlib
import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import runners

from weightmark.errors import InferenceError, MalformedError
from weightmark.ports import SINGLE, Runner
from weightmark.workspace.opening.arrays import MOST_ARRAYS, MOST_BYTES, pack_arrays, unpack_arrays
from weightmark.workspace.opening.child import ModelProcess


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.float64(1.5),
        np.array(["a", "bc"]),
        np.array([b"x"]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.empty((0, 4), np.float16),
        np.array([True, False]),
        np.arange(3, dtype=">i4"),
        np.array([1 + 2j]),
    ],
)
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    (found,) = unpack_arrays(pack_arrays({"x": array}), what="x").values()
    assert (found.shape, found.dtype) == (np.shape(array), np.asarray(array).dtype)
    assert np.array_equal(found, array)


def test_what_numpy_writes_is_read() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(1000), b=np.arange(3))
    assert unpack_arrays(buffer.getvalue(), what="x").keys() == {"a", "b"}
    single = io.BytesIO()
    np.save(single, np.arange(3))
    assert unpack_arrays(single.getvalue(), what="x")[SINGLE].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value", [np.array([{}]), np.array([(1, 2.0)], dtype="i4,f8"), np.array(["2027"], "M8[Y]")]
)
def test_what_is_neither_number_nor_text_is_refused_both_ways(value: np.ndarray) -> None:
    with pytest.raises(InferenceError, match="neither numbers nor text"):
        pack_arrays({"x": value})
    buffer = io.BytesIO()
    np.savez(buffer, x=value)
    with pytest.raises(MalformedError):
        unpack_arrays(buffer.getvalue(), what="the answer")


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b"12345678"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (5,)}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"12345678"),
        npy("{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}", b"12345678"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}", b"12345678"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 200 + ")" * 200 + "}"),
        b"\x93NUMPY\x09\x00" + bytes(100),
    ],
)
def test_files_that_are_no_arrays_are_named(data: bytes) -> None:
    with pytest.raises(MalformedError, match="the answer"):
        unpack_arrays(data, what="the answer")


def test_bombs_are_not_unfolded() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        for _ in range((MOST_BYTES >> 20) + 80):
            member.write(bytes(1 << 20))
    with pytest.raises(MalformedError, match="at most"):
        unpack_arrays(buffer.getvalue(), what="the answer")
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(MOST_ARRAYS + 1):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(MalformedError, match="at most"):
        unpack_arrays(many.getvalue(), what="the answer")
    with pytest.raises(InferenceError, match="at most"):
        pack_arrays({str(number): np.zeros(0) for number in range(MOST_ARRAYS + 1)})
    with pytest.raises(InferenceError, match="more than"):
        pack_arrays({"x": np.broadcast_to(np.zeros(1), (MOST_BYTES // 8 + 1,))})


GOOD = pack_arrays({"x": np.arange(4), "y": np.array(["a"])})


@given(position=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_arrays_raise_nothing_else(position: int, value: int, cut: bool) -> None:
    data = GOOD[:position] if cut else GOOD[:position] + bytes([value]) + GOOD[position + 1 :]
    with contextlib.suppress(MalformedError):
        unpack_arrays(data, what="the answer")


def run(runner: type[Runner], inputs: object = None, timeout: float = 30.0) -> dict[str, np.ndarray]:
    process = ModelProcess(runner, Path("/nowhere"))
    try:
        return process.run(runners.SAMPLE if inputs is None else inputs, timeout)  # type: ignore[arg-type]
    finally:
        process.close()
        process.close()


def test_a_model_runs_again_and_again_in_one_process() -> None:
    process = ModelProcess(runners.Doubler, Path("/nowhere"))
    try:
        for value in (1.0, 2.0):
            answer = process.run({"a": np.full((2, 2), value), "b": np.array(3)}, 30)
            assert answer["a"].tolist() == [[2 * value] * 2] * 2
            assert answer["b"] == 6
        assert process.run({SINGLE: np.ones(1)}, 30)["y"].tolist() == [2.0]
        with pytest.raises(InferenceError, match="neither"):
            process.run({"a": np.array([object()])}, 30)
        assert process.run({}, 30) == {}
    finally:
        process.close()
    assert not process.alive


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        (runners.Unloadable, "could not load the model: SystemExit: this model.x1b"),
        (runners.Thrower, "could not run the model: ValueError: negative age x"),
        (runners.Talker, "was ended by SIGSEGV: the last words"),
        (runners.Quitter, "ended with code 7"),
        (runners.Objects, "neither numbers nor text"),
        (runners.Boaster, "announced"),
        (runners.Stranger, "kind 9"),
        (runners.BadError, "no answer"),
    ],
)
def test_whatever_goes_wrong_is_a_clear_error(runner: type[Runner], message: str) -> None:
    with pytest.raises(InferenceError, match=message) as caught:
        run(runner)
    assert caught.value.hint
    assert len(caught.value.message) < 3000
    assert "\x1b" not in caught.value.message


def test_an_answer_that_is_none_is_malformed() -> None:
    with pytest.raises(MalformedError, match="the model's answer"):
        run(runners.Garbler)


def test_a_model_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    process = ModelProcess(runners.Sleeper, tmp_path)
    process.run({}, 60)
    with pytest.raises(InferenceError, match="took more than 2 s"):
        process.run({"where": np.array(str(note))}, 2)
    assert not process.alive
    started, until = int(note.read_text()), time.monotonic() + 10
    while time.monotonic() < until and _lives(started):
        time.sleep(0.02)
    assert not _lives(started)


def _lives(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_process_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEIGHTMARK_PASSPHRASE", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "secret")
    answer = run(runners.Environment)
    assert {"PATH", "HOME", "PYTHONPATH"} <= set(answer["names"].tolist())
    assert not [name for name in answer["names"].tolist() if "TOKEN" in name or "SECRET" in name]
    assert "WEIGHTMARK_PASSPHRASE" not in answer["names"].tolist()
    assert not Path(str(answer["home"])).exists(), "its home is gone with it"
