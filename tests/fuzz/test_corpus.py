"""Every hostile file that was ever made or found is read in words or refused in words, and runs nothing."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from weightmark import fingerprint
from weightmark.discovery import Plugins
from weightmark.errors import MalformedError
from weightmark.testing.format import check_told, watch_execution

CORPUS = Path(__file__).parents[1] / "corpus"
FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
SOUND = {
    "pytorch": {
        *(
            "contains-itself.pt",
            "deep-tuples-as-key.pt",
            "deflated-zeros.pt",
            "memo-flood.pt",
            "not-a-number.pt",
        ),
    },
    "numpy": {"deflate-bomb.npz"},
    "flax": {"absurd-count.msgpack", "absurd-extension.msgpack", "deep.msgpack"},
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_hostile_file_is_sound_or_refused_in_words(tmp_path: Path, path: Path) -> None:
    assert path.parent.name in Plugins().formats
    (tmp_path / "model").mkdir()
    shutil.copy(path, tmp_path / "model")
    with suppress(MalformedError):  # so that what is imported late is there
        fingerprint(tmp_path / "model")
    try:
        with watch_execution() as seen:
            fingerprint(tmp_path / "model")
    except MalformedError as error:
        check_told(error)
        assert path.name in error.message or path.parent.name not in SOUND
        refused = True
    else:
        refused = False
    assert not seen
    if path.parent.name in {"pytorch", "numpy", "flax", "skops"}:
        assert refused != (path.name in SOUND.get(path.parent.name, ()))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("pytorch/*system*")), ids=lambda path: path.name)
def test_a_system_call_is_named(tmp_path: Path, path: Path) -> None:
    with pytest.raises(MalformedError, match=r"names '(posix|torch\.os)\.system', which runs code"):
        fingerprint(path)
