"""The one door to fsspec and the libraries below it; what they raise is told in our words."""

import importlib.util
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from weightmark.encoding import hide_secrets
from weightmark.errors import PlatformError, PluginError, WeightmarkError
from weightmark.extra import import_extra
from weightmark.ports.conversation import causes

_OWN: Final = frozenset({"aiobotocore", "aiohttp", "botocore", "fsspec", "s3fs"})
_BESIDES: Final = {"gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}
"""What a scheme needs that the extra does not bring."""

_BUSY: Final = frozenset({408, 425, 429})
_FAILED: Final = 500
_NEVER: Final = frozenset({501, 505})
_SLOW: Final = frozenset(
    {"RequestLimitExceeded", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"}
)
"""What S3 calls failures that pass, whatever their status."""

_TRANSPORT: Final = frozenset(
    {
        "ClientConnectionError",
        "ClientPayloadError",
        "FSTimeoutError",
        "HTTPClientError",
        "IncompleteRead",
        "IncompleteReadError",
        "ServiceRequestError",
        "ServiceResponseError",
    }
)
_KEYS: Final = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "ClientAuthenticationError",
        "DefaultCredentialsError",
        "RefreshError",
    }
)
_SIGN: Final = "Give keys as the store's own tool wants them, or set FSSPEC_S3_ANON=true for a public bucket."


class AnswerError(Exception):
    """A server's answer that is no success.

    Args:
        status: the HTTP status.
        retry_after: seconds that the server asks to wait; None when it does not say.
    """

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(f"it answered {status} {_phrase(status)}".rstrip())
        self.status = status
        self.retry_after = retry_after


class CutError(ConnectionError):
    """An answer that ended before its time."""


def load(module: str) -> Any:
    """Import a module of fsspec, or of what it stands on.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="remote", packages=_OWN)


def check_installed(scheme: str) -> None:
    """Check that the library of a scheme that the extra does not bring is there.

    Raises:
        PluginError: it is not installed.
    """
    module = _BESIDES.get(scheme)
    if module is not None and importlib.util.find_spec(module) is None:
        raise PluginError(
            f"the library for {scheme}:// is not installed",
            hint=f"pip install 'weightmark[remote]' {module}",
        )


def status_of(error: BaseException) -> int | None:
    """Give the HTTP status behind an error; None when there is none."""
    for cause in causes(error):
        if type(cause).__module__.startswith("aiohttp."):
            continue  # it calls an answer that was cut, or that it could not read, 400
        value: object = _metadata(cause).get("HTTPStatusCode")
        named = next((name for name in ("status", "status_code", "code") if name in dir(cause)), "")
        value = getattr(cause, named) if value is None and named else value
        if isinstance(value, int) and not isinstance(value, bool) and value >= HTTPStatus.BAD_REQUEST:
            return value
    if isinstance(error, FileNotFoundError):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.FORBIDDEN if isinstance(error, PermissionError) else None


def retry_after(error: BaseException) -> float | None:
    """Give the seconds that a server asks to wait; None when it does not say."""
    for cause in causes(error):
        if isinstance(cause, AnswerError) and cause.retry_after is not None:
            return cause.retry_after
        headers = _metadata(cause).get("HTTPHeaders")
        if isinstance(headers, Mapping):
            found = read_seconds(str(cast("Mapping[str, Any]", headers).get("retry-after", "")))
            if found is not None:
                return found
    return None


def read_seconds(text: str) -> float | None:
    """Read the value of ``Retry-After``: seconds, or a date.

    Raises:
        Nothing; None for what is neither.

    >>> read_seconds("120")
    120.0
    >>> read_seconds("soon")
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004 - more are no seconds
        return float(text)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def is_passing(error: BaseException) -> bool:
    """Say whether the same request may succeed in a moment."""
    if isinstance(error, WeightmarkError):
        return False
    if any(_code(cause) in _SLOW for cause in causes(error)):
        return True
    status = status_of(error)
    if status is not None:
        return status in _BUSY or (status >= _FAILED and status not in _NEVER)
    found = tuple(causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in found):
        return False
    return any(_is_transport(cause) for cause in found)


def explain(uri: str, error: Exception) -> WeightmarkError:
    """Make our own error of what a library raised.

    Args:
        uri: what was asked for, without secrets.
        error: what it raised.
    """
    if isinstance(error, WeightmarkError):
        return error
    status = status_of(error)
    passing = is_passing(error)
    found = f"{status} {_phrase(status)}".rstrip() if status is not None else _message(error)
    return PlatformError(
        f"{uri!r} could not be read: {found}",
        retryable=passing,
        retry_after=retry_after(error) if passing else None,
        hint=_hint(error, status, passing=passing),
    )


def _hint(error: Exception, status: int | None, *, passing: bool) -> str:
    if passing:
        return "Repeat the step; with `--cache FILE` finished files are not read again."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the address."
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"Check the address and who may read it. {_SIGN}"
    if any(type(cause).__name__ in _KEYS for cause in causes(error)):
        return _SIGN
    return "Check the address and the store's settings."


def _is_transport(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError)):
        return True
    return any(parent.__name__ in _TRANSPORT for parent in type(error).__mro__)


def _metadata(error: BaseException) -> Mapping[str, Any]:
    """Give what botocore keeps of an answer; nothing for the errors of others."""
    response: Any = getattr(error, "response", None)
    try:
        found: Mapping[str, Any] = response["ResponseMetadata"]
    except (KeyError, TypeError):
        return {}
    return found


def _code(error: BaseException) -> str:
    """Give the word by which S3 calls a failure; empty for the errors of others."""
    response: Any = getattr(error, "response", None)
    try:
        return str(response["Error"]["Code"])
    except (KeyError, TypeError):
        return ""


def _message(error: Exception) -> str:
    return hide_secrets(" ".join(str(error).split()))[:300] or type(error).__name__


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
