"""The one door to Hugging Face's own library; nothing of it is imported before it is asked for."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from weightmark.encoding import hide_secrets
from weightmark.errors import PlatformError, WeightmarkError
from weightmark.extra import import_extra

_BUSY: Final = frozenset({408, 425, 429})
_HIDDEN: Final = frozenset({"RepositoryNotFoundError", "RevisionNotFoundError"})
_UNREACHABLE: Final = frozenset(
    {
        "ChunkedEncodingError",
        "ConnectionError",
        "LocalEntryNotFoundError",
        "Timeout",
        "TimeoutError",
        "TimeoutException",
        "TransportError",
    }
)
_SECRET: Final = re.compile(r"hf_[A-Za-z0-9]{6,}")


def load(module: str = "huggingface_hub") -> Any:
    """Import a module of Hugging Face's library.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="huggingface")


def client() -> Any:
    """Make the library's own client; it finds the server and the token as it always does.

    Raises:
        MissingExtraError: the library is not installed.
    """
    return load().HfApi(library_name="weightmark")


def headers() -> dict[str, str]:
    """Give the headers of a request of ours, with the user's token when there is one.

    Raises:
        MissingExtraError: the library is not installed.
    """
    return dict(load("huggingface_hub.utils").build_hf_headers(library_name="weightmark"))


def endpoint() -> str:
    """Give the server's address, without a slash at its end.

    Raises:
        MissingExtraError: the library is not installed.
    """
    return str(load("huggingface_hub.constants").ENDPOINT)


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Turn what Hugging Face's library raises into our own errors.

    Args:
        uri: what the Hub is asked about, for the message.

    Raises:
        PlatformError: the Hub refused or failed; retryable when it could not be reached or was too busy.
    """
    try:
        yield
    except WeightmarkError:
        raise
    except Exception as error:
        raise _translate(uri, error) from error


def status_of(error: BaseException | None) -> int:
    """Give the HTTP status behind an error or its causes; 0 when there is none."""
    for cause in _causes(error):
        status = getattr(getattr(cause, "response", None), "status_code", 0)
        if status:
            return int(status)
    return 0


def _translate(uri: str, error: Exception) -> PlatformError:
    name, status = type(error).__name__, status_of(error)
    if name == "GatedRepoError":
        return PlatformError(
            f"{uri!r} is gated: its owner lets in only those who accepted its terms",
            hint=f"Read the terms and accept them yourself at {_page(uri)}; nobody else can do it for you.",
        )
    if name == "OfflineModeIsEnabled":
        return PlatformError(f"{uri!r} cannot be asked about: HF_HUB_OFFLINE is set", hint="Unset it.")
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return PlatformError(
            f"the Hub is too busy for {uri!r}: it answered {status}",
            retryable=True,
            retry_after=_retry_after(error),
            hint="Wait a little, then repeat the step.",
        )
    if not status and _unreachable(error):
        return PlatformError(
            f"the Hub could not be reached for {uri!r}: {_message(error)}",
            retryable=True,
            hint=f"Check that {endpoint()} can be reached, then repeat the step.",
        )
    if status == HTTPStatus.UNAUTHORIZED and name not in _HIDDEN:
        return PlatformError(
            f"the Hub did not take the token for {uri!r}",
            hint="Log in again with `hf auth login`, or renew HF_TOKEN.",
        )
    return PlatformError(
        f"the Hub could not give {uri!r}: {_message(error)}",
        hint="Check the name and the revision, and that your token may read it.",
    )


def _page(uri: str) -> str:
    return f"{endpoint()}/{uri.removeprefix('hf://').partition('@')[0]}"


def _message(error: BaseException) -> str:
    text = hide_secrets(" ".join(str(error).split())) or type(error).__name__
    return _SECRET.sub("hf_…", text)[:300]


def _causes(error: BaseException | None) -> Generator[BaseException, None, None]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _unreachable(error: BaseException) -> bool:
    """Say whether the network stood behind the error; the HTTP library has another name in each release."""
    return any(parent.__name__ in _UNREACHABLE for cause in _causes(error) for parent in type(cause).__mro__)


def _retry_after(error: BaseException) -> float | None:
    for cause in _causes(error):
        answer: Any = getattr(cause, "response", None)
        text = "" if answer is None else str(answer.headers.get("Retry-After", ""))
        if text.isascii() and text.isdigit():
            return float(text)
    return None
