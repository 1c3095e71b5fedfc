"""The one door to the library of Weights & Biases; nothing of it is imported before it is asked for."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from weightmark.encoding import hide_secrets
from weightmark.errors import PlatformError
from weightmark.extra import import_extra
from weightmark.ports.conversation import Conversation, causes, in_our_words

WAIT_SECONDS: Final = 30
"""How long one question to the server may take, the client's own repetitions included."""

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_DENIED: Final = frozenset({401, 403})
_LOST: Final = ("did not respond in time", "connection refused", "connection reset", "connection aborted")
_conversation: Final = Conversation("wandb")


def load(module: str = "wandb") -> Any:
    """Import a module of the library.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="wandb")


def is_speaking() -> bool:
    """Say whether this call to the library is our own: a hook in the same process lets it pass."""
    return _conversation.is_ours()


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Speak for ourselves, and turn what the library raises into our own errors.

    Args:
        uri: what the server is asked about, for the message.

    Raises:
        PlatformError: the server refused or failed; retryable when it could not be reached or was too busy.
    """
    with in_our_words(partial(_told, uri)), _conversation.marked():
        yield


def client() -> Any:
    """Make the library's client for the server that it is set to.

    Raises:
        PlatformError: no key is set; nobody is asked for one.
    """
    wandb = load()
    try:
        return wandb.Api(timeout=WAIT_SECONDS)
    except wandb.errors.UsageError as error:
        raise PlatformError(
            "Weights & Biases has no API key to speak with",
            hint="Run `wandb login`, or set WANDB_API_KEY.",
        ) from error


def _told(uri: str, error: Exception) -> PlatformError:
    message = hide_secrets(" ".join(str(error).split()))[:300]
    lost, status, wait = _network(error)
    denied = status in _DENIED or type(error).__name__ == "AuthenticationError"
    retryable = (lost or status == _TOO_MANY or status >= _SERVER_ERROR) and not denied
    if denied:
        hint = "Check WANDB_API_KEY (or run `wandb login`) and the key's rights."
    elif retryable:
        hint = "Check WANDB_BASE_URL and that the server can be reached, then repeat the step."
    else:
        hint = "Check the entity, the project, the name and the version."
    return PlatformError(
        f"Weights & Biases could not give {uri!r}: {message}",
        retryable=retryable,
        retry_after=wait,
        hint=hint,
    )


def _network(error: BaseException) -> tuple[bool, int, float | None]:
    """Look for the network behind an error: unreachable or not, the HTTP status or 0, seconds to wait."""
    requests = load("requests")
    gone = (
        ConnectionError,
        TimeoutError,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.RetryError,
    )
    lost, status, wait = False, 0, None
    for cause in causes(error):
        response = getattr(cause, "response", None)
        status = status or int(
            getattr(response, "status_code", 0) or getattr(response, "http_status_code", 0) or 0
        )
        headers: Any = getattr(response, "headers", None)
        seconds = "" if headers is None else str(headers.get("Retry-After", ""))
        if seconds.isascii() and seconds.isdigit():
            wait = float(seconds)
        text = str(cause).lower()
        lost = lost or isinstance(cause, gone) or any(word in text for word in _LOST)
    return lost, status, wait
