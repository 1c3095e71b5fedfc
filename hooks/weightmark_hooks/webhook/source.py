"""The shape of what a platform sends: how it is checked, and what it means."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Self

from weightmark.errors import MalformedError
from weightmark.model.event import ModelEvent

SECRET: Final = "WEIGHTMARK_WEBHOOK_SECRET"  # noqa: S105  the variable's name
"""The environment variable with a platform's secret: this, ``_``, and the platform; without them for all."""

TOLERANCE_SECONDS: Final = 300
"""How far a delivery's time may lie from ours, in both directions."""

_MAX_SECRET_FILE: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request as it came.

    Attributes:
        method: ``POST``, ``OPTIONS``.
        headers: its headers; looked up in lower case.
        query: the parameters in its address.
        body: its bytes, at most 1 MiB.
    """

    method: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that the platform's handshake asks for.

    Attributes:
        body: JSON.
        headers: more headers.
    """

    body: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One authentic delivery.

    Attributes:
        id: the same when the platform sends it again; 1 to 200 printable ASCII characters.
        events: what it says, in order; none for what needs no answer. Handled all or not at all.
    """

    id: str
    events: tuple[ModelEvent, ...] = ()


class Source(ABC):
    """One platform's deliveries. Holds no state: the receiver remembers what was handled.

    Args:
        secrets: what the platform and we know; several, so that one can follow the other without a gap.
    """

    platform: ClassVar[str]
    """Its name; deliveries come to ``/hooks/`` and this."""

    methods: ClassVar[Sequence[str]] = ("POST",)

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self | None:
        """Make it with the secrets in the environment; None when there are none, so that it stays closed.

        Raises:
            MalformedError: a file of secrets cannot be read.
        """
        secrets = read_secrets(cls.platform, environ)
        return cls(secrets) if secrets else None

    def greet(self, message: Message) -> Reply | None:
        """Answer a handshake; None when the message is not one.

        Raises:
            VerificationError: it is not the platform's own.
            MalformedError: it is not a message of the platform's.
        """
        del message
        return None

    @abstractmethod
    def read(self, message: Message, now: float) -> Delivery:
        """Check that a message is the platform's own and recent, then say what it means.

        Args:
            message: the request.
            now: seconds since 1970 UTC.

        Raises:
            SignatureError: it is not the platform's own; compared in constant time.
            ExpiredError: its time is more than ``TOLERANCE_SECONDS`` from ours, where it has a time.
            MalformedError: it is authentic, but not a message of the platform's.
        """


def read_secrets(platform: str, environ: Mapping[str, str] | None = None) -> tuple[bytes, ...]:
    """Read a platform's secrets.

    Args:
        platform: the platform's name.
        environ: where ``WEIGHTMARK_WEBHOOK_SECRET_MLFLOW`` is looked up, and that with ``_FILE``, a file with
            one secret per line, and both without the platform; None for the process's environment.

    Returns:
        The platform's own secrets, else those for all platforms; empty when there are none.

    Raises:
        MalformedError: the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    own = _secrets(f"{SECRET}_{platform.upper()}", environ)
    return own or _secrets(SECRET, environ)


def _secrets(name: str, environ: Mapping[str, str]) -> tuple[bytes, ...]:
    text = environ.get(name, "")
    if file := environ.get(f"{name}_FILE"):
        try:
            with Path(file).open(encoding="utf-8") as stream:
                text = f"{text}\n{stream.read(_MAX_SECRET_FILE)}"
        except (OSError, UnicodeDecodeError) as error:
            raise MalformedError(f"the secrets in {file} cannot be read", hint="Check the file.") from error
    return tuple(line.strip().encode() for line in text.splitlines() if line.strip())
