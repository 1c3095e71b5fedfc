"""Notes and keys that others made.

Source: the example of golang.org/x/mod/sumdb/note; the public key of sum.golang.org.
"""

import pytest

from weightmark.errors import SignatureError
from weightmark.log.checkpoint import LogKey
from weightmark.log.note import parse_note

KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_the_go_library_verifies():
    key, note = LogKey.parse(KEY), parse_note(NOTE)
    (signature,) = note.made_by(key.name, key.key_hash)
    key.verify(note.text.encode(), signature)
    with pytest.raises(SignatureError):
        key.verify(note.text.encode() + b"\n", signature)


@pytest.mark.parametrize(
    "text", [KEY, "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"]
)
def test_keys_of_others_are_read_and_written(text: str):
    assert LogKey.parse(text).text == text
