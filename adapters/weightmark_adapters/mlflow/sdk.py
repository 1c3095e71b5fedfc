"""The one door to MLflow's own library; nothing of it is imported before it is asked for."""

import re
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final, cast

from weightmark.errors import PlatformError
from weightmark.extra import import_extra
from weightmark.ports.conversation import Conversation, causes, in_our_words

_RETRYABLE: Final = frozenset(
    {
        "TEMPORARILY_UNAVAILABLE",
        "REQUEST_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "DEADLINE_EXCEEDED",
        "ABORTED",
    }
)
_DENIED: Final = frozenset({"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"})
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_STATUS: Final = re.compile(r"failed with error code (\d{3}) ")
_conversation: Final = Conversation("mlflow")


def load(module: str = "mlflow") -> Any:
    """Import a module of MLflow.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    return import_extra(module, extra="mlflow")


def is_speaking() -> bool:
    """Say whether this call to MLflow is our own: a guard in the same process lets it pass."""
    return _conversation.is_ours()


def as_ourselves() -> AbstractContextManager[None]:
    """Mark the calls inside as our own, in this thread."""
    return _conversation.marked()


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Speak for ourselves, and turn what MLflow raises into our own errors.

    Args:
        uri: what MLflow is asked about, for the message.

    Raises:
        PlatformError: MLflow refused or failed; retryable when it could not be reached or was too busy.
    """
    with in_our_words(partial(_told, uri)), as_ourselves():
        yield


def _told(uri: str, error: Exception) -> PlatformError:
    code, message = str(getattr(error, "error_code", "")), " ".join(str(error).split())[:400]
    unreachable, status, wait = _network(error)
    denied = code in _DENIED or status in {401, 403}
    retryable = unreachable or code in _RETRYABLE or status == _TOO_MANY or status >= _SERVER_ERROR
    if denied:
        hint = "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or the token), and their rights."
    elif retryable:
        hint = "Check that the MLflow server can be reached, then repeat the step."
    else:
        hint = "Check the name, the version and MLFLOW_TRACKING_URI."
    return PlatformError(
        f"MLflow could not give {uri!r}: {message}",
        retryable=retryable and not denied,
        retry_after=wait,
        hint=hint,
    )


def _network(error: BaseException) -> tuple[bool, int, float | None]:
    """Look for the network behind an error: unreachable or not, the HTTP status or 0, seconds to wait."""
    requests = load("requests")
    lost = (
        ConnectionError,
        TimeoutError,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.RetryError,
    )
    status, wait = 0, None
    for cause in causes(error):
        if isinstance(cause, lost):
            return True, status, wait
        response = getattr(cause, "response", None)
        if response is not None and hasattr(response, "status_code"):
            status, wait = int(response.status_code), _seconds(response.headers.get("Retry-After", ""))
        elif _is_from_server(cause):
            status = status or int(cast("Any", cause).get_http_status_code())
        elif found := _STATUS.search(str(cause)):
            status = status or int(found.group(1))
    return False, status, wait


def _is_from_server(error: BaseException) -> bool:
    """Say whether a server said it: MLflow gives the errors of its own client the code 500 too."""
    return any(cls.__name__ == "RestException" for cls in type(error).__mro__)


def _seconds(header: str) -> float | None:
    return float(header) if header.strip().isdigit() else None
