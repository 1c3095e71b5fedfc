"""The one door to Azure's own libraries; nothing of them is imported before it is asked for."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from weightmark.errors import PlatformError, WeightmarkError
from weightmark.extra import import_extra

_MAX_MESSAGE: Final = 400
_SECRET: Final = re.compile(r"(?i)((?:[?&]|%3f|%26)(?:sig|code)=)[^&\s'\")]+")
_BUSY: Final = frozenset({408, 425, 429})
_HINTS: Final = {
    401: "Sign in again: `az login`, or renew what DefaultAzureCredential uses.",
    403: "Ask for the role AzureML Data Scientist in the workspace, and for rights on its storage account.",
    404: "Check the subscription, the resource group, the workspace, the model's name and its version.",
}


def load(module: str = "azure.ai.ml") -> Any:
    """Import a module of Azure's.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="azureml")


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Turn what Azure's libraries raise into our own errors.

    Args:
        uri: what Azure is asked about, for the message.

    Raises:
        PlatformError: Azure refused or failed; retryable when it could not be reached or was too busy.
    """
    try:
        yield
    except WeightmarkError:
        raise
    except Exception as error:
        wrapped = _explain(uri, error)
        # Azure's errors may hold an address with its access token: such a cause is not passed on.
        raise wrapped from (None if _SECRET.search(_all_words(error)) else error)


def clean(text: str) -> str:
    """Write a message on one line, at most 400 characters, without the secrets in addresses.

    >>> clean("GET https://a/b?sv=1&sig=abc%3D failed")
    'GET https://a/b?sv=1&sig=… failed'
    """
    return _SECRET.sub(r"\1…", " ".join(text.split()))[:_MAX_MESSAGE]


def _explain(uri: str, error: Exception) -> PlatformError:
    core = load("azure.core.exceptions")
    status = _status(error)
    unreachable = isinstance(
        error, (core.ServiceRequestError, core.ServiceResponseError, ConnectionError, TimeoutError)
    )
    changed = isinstance(error, core.ResourceModifiedError)
    retryable = unreachable or changed or status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    hint = _HINTS.get(status, "")
    if unreachable:
        hint = "Check that Azure can be reached from here, then repeat the step."
    elif not hint and isinstance(error, core.ClientAuthenticationError):
        hint = _HINTS[401]
    return PlatformError(
        f"Azure ML could not give {uri!r}: {clean(str(error)) or type(error).__name__}",
        retryable=retryable,
        retry_after=_retry_after(error),
        hint=hint,
    )


def _status(error: BaseException) -> int:
    """Give the HTTP status behind an error; 0 when there was none."""
    for one in _chain(error):
        status = getattr(one, "status_code", None)
        if isinstance(status, int):
            return status
    return 0


def _retry_after(error: BaseException) -> float | None:
    for one in _chain(error):
        headers = getattr(getattr(one, "response", None), "headers", None)
        if headers is None:
            continue
        for name, unit in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("Retry-After", 1)):
            text = str(headers.get(name, "")).strip()
            if text.isascii() and text.replace(".", "", 1).isdigit():
                return float(text) / unit
    return None


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        inner = getattr(one, "inner_exception", None)
        one = inner if isinstance(inner, BaseException) else one.__cause__ or one.__context__
    return found


def _all_words(error: BaseException) -> str:
    return " ".join(str(one) for one in _chain(error))
