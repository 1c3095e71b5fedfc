"""Which machine this is: a name that can be checked here and leads nowhere else.

The name is a random salt and HMAC-SHA256 over it, keyed with the system's own id of the installation. Two
names of one machine are not alike, so that nobody who gets both can tell; the system's id is 128 random bits
and cannot be guessed from them.

Not promised: that a machine has one id only. Whoever administers it may give it another's.
"""

import hashlib
import hmac
import importlib
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from weightmark.errors import MalformedError, VerificationError, WeightmarkError
from weightmark.workspace.file import read_bounded

LINUX: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))

_FORM = re.compile(r"wm1:([0-9a-f]{32}):([0-9a-f]{64})\Z")
_ID = re.compile(r"[0-9a-f]{32}\Z")
_MAC = re.compile(r'"IOPlatformUUID"\s*=\s*"([0-9A-Fa-f-]{36})"')
_DOMAIN = b"weightmark/machine/v1\0"


def name_machine(files: Sequence[Path] = LINUX) -> str:
    """Give this machine a new name, for a licensor to bind a licence file to.

    Args:
        files: where a Linux system keeps its id.

    Returns:
        ``wm1:``, 32 and 64 hexadecimal digits with a colon between them; another one each time.

    Raises:
        WeightmarkError: the system has no id.
    """
    salt = secrets.token_hex(16)
    return f"wm1:{salt}:{_hash(salt, read_id(files))}"


def check_name(name: str) -> None:
    """Check that a text is a machine's name.

    Raises:
        MalformedError: it is none.
    """
    if _FORM.match(name) is None:
        raise MalformedError(
            f"{name[:40]!r} is no machine's name",
            hint="Ask the licensee for what `weightmark license machine` prints there.",
        )


def require_machine(name: str, files: Sequence[Path] = LINUX) -> None:
    """Check that a name is this machine's.

    Raises:
        MalformedError: it is no machine's name.
        VerificationError: it is another machine's.
        WeightmarkError: the system has no id.
    """
    check_name(name)
    _, salt, digest = name.split(":")
    if not hmac.compare_digest(digest, _hash(salt, read_id(files))):
        raise VerificationError(
            "the licence file is bound to another machine than this one",
            hint="Send the licensor what `weightmark license machine` prints here, and ask for a new file.",
        )


def read_id(files: Sequence[Path] = LINUX) -> str:
    """Read the id that the system gave this installation, 32 hexadecimal digits.

    Raises:
        WeightmarkError: it has none, or what it has is none.
    """
    if sys.platform == "darwin":
        found = _mac_id()
    elif sys.platform == "win32":
        found = _windows_id()
    else:
        found = _linux_id(files)
    plain = found.strip().lower().replace("-", "")
    if _ID.match(plain) is None or plain == "0" * 32:
        raise WeightmarkError(
            f"this system has no id of its own (looked in {', '.join(map(str, files))})",
            hint="Containers often have none: give it the host's (-v /etc/machine-id:/etc/machine-id:ro), or"
            " ask for a licence file that is bound to a seat.",
        )
    return plain


def _hash(salt: str, identity: str) -> str:
    return hmac.new(bytes.fromhex(identity), _DOMAIN + bytes.fromhex(salt), hashlib.sha256).hexdigest()


def _linux_id(files: Sequence[Path]) -> str:
    for file in files:
        if file.is_file():
            text = read_bounded(file, 256).decode("ascii", "replace").strip()
            if text and text != "uninitialized":
                return text
    return ""


def _mac_id() -> str:
    try:
        done = subprocess.run(
            ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _MAC.search(done.stdout)
    return "" if match is None else match[1]


def _windows_id() -> str:
    try:
        registry: Any = importlib.import_module("winreg")
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(registry.QueryValueEx(key, "MachineGuid")[0])
    except (ImportError, OSError):
        return ""
