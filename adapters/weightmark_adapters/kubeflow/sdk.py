"""The one door to Kubeflow's own libraries; nothing of them is imported before it is asked for."""

import asyncio
import errno
import socket
import ssl
import threading
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark.extra import import_extra
from weightmark.ports.conversation import in_our_words

_OWN: Final = frozenset({"kfp", "mr_openapi", "model_registry", "boto3", "botocore"})
_WAIT: Final = frozenset({408, 425, 429})
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_FAILED: Final = 500
_SECONDS: Final = 60
_NETWORK: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


def load(module: str) -> Any:
    """Import a module of kfp, of the Model Registry's client, or of the object store's.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="kubeflow", packages=_OWN)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run one call of the Model Registry's client to its end, whatever event loop the caller is in.

    The client's own way patches ``asyncio`` for the whole process, ``asyncio.run`` with it, which then leaves
    its loop open; this one leaves the process alone, and closes its loop where somebody else has patched it.

    Raises:
        Exception: what the call raised.
    """
    answer: list[Any] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            with asyncio.Runner() as runner:
                answer.append(runner.run(asyncio.wait_for(coroutine, _SECONDS)))
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=work, name="weightmark-kubeflow")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return answer[0]


@contextmanager
def speaking(what: str) -> Generator[None, None, None]:
    """Turn what the libraries raise into our own errors.

    Args:
        what: what is asked about, for the message.

    Raises:
        PlatformError: refused or failed; retryable when it could not be reached or was too busy.
    """
    with in_our_words(partial(_told, what)):
        yield


def _told(what: str, error: Exception) -> PlatformError:
    status = _status(error)
    unreachable = _is_transport(error) or (status is None and _is_network(error))
    retryable = unreachable or (status is not None and (status in _WAIT or status >= _FAILED))
    return PlatformError(
        f"Kubeflow could not give {what!r}: {_message(error, status)}",
        retryable=retryable,
        retry_after=_retry_after(error),
        hint=_hint(error, status, unreachable=unreachable),
    )


def _status(error: Exception) -> int | None:
    status: Any = getattr(error, "status", None)
    if not isinstance(status, int):
        status = _botocore(error).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


def _botocore(error: Exception) -> Mapping[str, Any]:
    """Give what botocore keeps of an answer; nothing for the errors of others."""
    response: Any = getattr(error, "response", None)
    try:
        found: Mapping[str, Any] = response["ResponseMetadata"]
    except (KeyError, TypeError):
        return {}
    return found


def _is_transport(error: Exception) -> bool:
    """Say whether the network failed, as aiohttp and botocore name it."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"ClientConnectionError", "ServerTimeoutError", "HTTPClientError", "ConnectionError"})


def _is_network(error: Exception) -> bool:
    """Say whether a connection failed, and not this machine's own disk."""
    named = isinstance(error, OSError) and (error.errno in _NETWORK or isinstance(error, socket.gaierror))
    return named or isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError))


def _message(error: Exception, status: int | None) -> str:
    """Name the failure without the headers, which may say more than should be shown."""
    reason = getattr(error, "reason", None)
    body = getattr(error, "body", None)
    if status is not None and (reason or body):
        return " ".join(f"{status} {reason or ''} {body or ''}".split())[:400]
    return " ".join(str(error).split())[:400] or type(error).__name__


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(error, "headers", None) or _botocore(error).get("HTTPHeaders") or {}
    try:
        found = {str(key).lower(): value for key, value in dict(headers).items()}
        seconds = float(found["retry-after"])
    except (KeyError, TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _hint(error: Exception, status: int | None, *, unreachable: bool) -> str:
    if unreachable:
        return "Check that the server can be reached, then repeat the step."
    if status is None and isinstance(error, OSError):
        return "Set TMPDIR to a folder on a larger disk that this user may write to."
    if status == _UNAUTHORISED:
        return "The token is not taken (any more): renew the one that KF_PIPELINES_SA_TOKEN_PATH names."
    if status == _FORBIDDEN:
        return "Ask for the right to do this."
    if status in _WAIT or (status is not None and status >= _FAILED):
        return "Repeat the step later."
    return "Check the name, the version and MODEL_REGISTRY_BASE_URL."
