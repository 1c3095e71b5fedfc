"""What every signer must keep to.

Not here: speed, and whether a key is safe. A suite sees only what a signer answers.
"""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weightmark.claims.key import PublicKey
from weightmark.errors import SignatureError
from weightmark.ports import Signer

_MESSAGE = b"DSSEv1 4 type 7 message"
_LARGE = 1 << 20


class SignerSuite(ABC):
    """Conformance suite for `Signer`: subclass it, say how to make one, inherit the tests.

    Source: the port's own docstrings.
    """

    @abstractmethod
    def make(self, tmp_path: Path) -> Signer:
        """Make a signer with a key of its own; called again, it makes one with another key.

        Args:
            tmp_path: an empty folder.
        """

    @pytest.fixture
    def signer(self, tmp_path: Path) -> Signer:
        """One signer."""
        return self.make(_folder(tmp_path, "one"))

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> Signer:
        """A signer with another key."""
        return self.make(_folder(tmp_path, "two"))

    def test_the_scheme_is_named(self, signer: Signer) -> None:
        """A URI finds its signer by this name."""
        assert signer.name
        assert ":" not in signer.name

    def test_a_signature_verifies_and_names_its_key(self, signer: Signer) -> None:
        """The signature fits the message under the public key, and says whose it is."""
        signature = signer.sign(_MESSAGE)
        assert signature.key_id == signer.public_key.key_id
        signer.public_key.verify(_MESSAGE, signature.value)

    def test_another_message_is_refused(self, signer: Signer) -> None:
        """A signature is over one message only."""
        signature = signer.sign(_MESSAGE)
        for other in (b"", _MESSAGE + b"\0", _MESSAGE[:-1], _MESSAGE.upper()):
            with pytest.raises(SignatureError):
                signer.public_key.verify(other, signature.value)

    def test_another_key_is_refused(self, signer: Signer, stranger: Signer) -> None:
        """A signature is by one key only."""
        assert signer.public_key != stranger.public_key
        assert signer.public_key.key_id != stranger.public_key.key_id
        signature = signer.sign(_MESSAGE)
        with pytest.raises(SignatureError):
            stranger.public_key.verify(_MESSAGE, signature.value)

    def test_a_flipped_bit_is_refused(self, signer: Signer) -> None:
        """No bit of a signature may be changed."""
        value = signer.sign(_MESSAGE).value
        for position in range(len(value)):
            damaged = bytearray(value)
            damaged[position] ^= 1 << (position % 8)
            with pytest.raises(SignatureError):
                signer.public_key.verify(_MESSAGE, bytes(damaged))

    def test_a_cut_or_empty_signature_is_refused(self, signer: Signer) -> None:
        """A part of a signature is none."""
        value = signer.sign(_MESSAGE).value
        for damaged in (b"", value[:-1], value[1:], value + b"\0"):
            with pytest.raises(SignatureError):
                signer.public_key.verify(_MESSAGE, damaged)

    @pytest.mark.parametrize("length", [0, 1, 4096, _LARGE])
    def test_any_length_can_be_signed(self, signer: Signer, length: int) -> None:
        """From nothing to a megabyte."""
        message = bytes(length)
        signer.public_key.verify(message, signer.sign(message).value)

    def test_the_public_key_is_the_same_each_time(self, signer: Signer) -> None:
        """It is a value; it survives being written and read."""
        assert signer.public_key == signer.public_key
        assert PublicKey.from_pem(signer.public_key.pem) == signer.public_key

    def test_the_representation_names_the_key_and_shows_no_secret(self, signer: Signer) -> None:
        """Logs may hold it: one line, the key id, no key material."""
        text = repr(signer)
        assert signer.public_key.key_id[:16] in text
        assert "PRIVATE" not in text
        assert "\n" not in text
        assert len(text) < 1024  # a key in full, however it is written, needs more than a URI and an id

    def test_many_threads_may_sign_at_once(self, signer: Signer) -> None:
        """Each gets the signature over its own message."""
        messages = [b"message %d" % number for number in range(64)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            signatures = list(pool.map(signer.sign, messages))
        for message, signature in zip(messages, signatures, strict=True):
            assert signature.key_id == signer.public_key.key_id
            signer.public_key.verify(message, signature.value)


def _folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder
