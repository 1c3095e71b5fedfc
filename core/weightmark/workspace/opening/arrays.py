"""Arrays by name as bytes, the way ``.npz`` has them: numbers and text, never a Python object.

Not promised: every type of NumPy. Objects, records, times and types that NumPy has no name for (bfloat16) are
refused in both directions.
"""

import io
import math
import zipfile
from typing import TYPE_CHECKING, Any, Final

from weightmark.encoding import printable
from weightmark.errors import InferenceError, MalformedError
from weightmark.ports import SINGLE, Arrays

if TYPE_CHECKING:
    import numpy as np

MOST_BYTES: Final = 256 << 20
"""Bytes of all arrays together."""

MOST_ARRAYS: Final = 1000
_KINDS: Final = "biufcUS"
_SUFFIX: Final = ".npy"
_DEEPEST: Final = 32
_HINT: Final = "Write it with numpy.savez(FILE, name=array, ...); numbers and text only."


def pack_arrays(arrays: Arrays) -> bytes:
    """Write arrays as an ``.npz`` file.

    Args:
        arrays: arrays by name, or whatever NumPy makes arrays of.

    Raises:
        InferenceError: one is neither numbers nor text, or they are too many or too large.
    """
    import numpy as np

    if len(arrays) > MOST_ARRAYS:
        raise InferenceError(f"there are {len(arrays)} arrays; at most {MOST_ARRAYS} are taken")
    buffer, size = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, given in arrays.items():
            array = np.asarray(given)
            if array.dtype.kind not in _KINDS:
                raise InferenceError(
                    f"{printable(str(name))[:200]!r} is of the type {array.dtype}, neither numbers nor text",
                    hint="Turn it into one, such as float32, first.",
                )
            size += array.nbytes
            if size > MOST_BYTES:
                raise InferenceError(
                    f"the arrays have more than {MOST_BYTES} bytes", hint="Send them in smaller parts."
                )
            with archive.open(f"{name}{_SUFFIX}", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def unpack_arrays(data: bytes, *, what: str) -> "dict[str, np.ndarray]":
    """Read arrays that somebody else wrote: an ``.npz`` file, or one array as an ``.npy`` file.

    Args:
        data: the file's bytes.
        what: its name in messages.

    Returns:
        Arrays by name; that of an ``.npy`` file is ``SINGLE``.

    Raises:
        MalformedError: it is no such file, holds objects, or claims more than it has or may have.
    """
    try:
        if data[:6] == b"\x93NUMPY":
            return {SINGLE: _read_array(data, what)}
        return _read_archive(data, what)
    except MalformedError:
        raise
    except Exception as error:
        raise MalformedError(
            f"{what} cannot be read as arrays: {type(error).__name__}: {printable(str(error))[:200]}",
            hint=_HINT,
        ) from error


def _read_archive(data: bytes, what: str) -> "dict[str, np.ndarray]":
    found: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if len(members) > MOST_ARRAYS or size > MOST_BYTES + 65_536 * MOST_ARRAYS:
            raise MalformedError(
                f"{what} holds {len(members)} arrays of {size} bytes; at most {MOST_ARRAYS} arrays and"
                f" {MOST_BYTES} bytes are read",
                hint="Send them in smaller parts.",
            )
        for member in members:
            name = member.filename.removesuffix(_SUFFIX)
            if name in found or name == member.filename:
                raise MalformedError(
                    f"{what} holds {printable(member.filename)[:80]!r}, which is no array or there twice",
                    hint=_HINT,
                )
            with archive.open(member) as stream:
                content = stream.read(member.file_size)
            found[name] = _read_array(content, f"{printable(name)[:80]!r} in {what}")
    return found


def _read_array(data: bytes, what: str) -> "np.ndarray":
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise MalformedError(f"{what} is an array in version {version}, not 1.0 or 2.0", hint=_HINT)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject or dtype.fields is not None or dtype.kind not in _KINDS or not dtype.itemsize:
        raise MalformedError(f"{what} is of the type {dtype}, neither numbers nor text", hint=_HINT)
    start = stream.tell()
    rest = len(data) - start
    sound = len(shape) <= _DEEPEST and all(type(length) is int and length >= 0 for length in shape)
    if not sound or math.prod(shape) * dtype.itemsize != rest:
        raise MalformedError(
            f"{what} is of shape {list(shape)[:8]} and type {dtype}, which {rest} bytes cannot be", hint=_HINT
        )
    flat = np.frombuffer(data, dtype, offset=start) if rest else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()
