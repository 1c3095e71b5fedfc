"""What two SDKs' errors become: no signed address in a message, and the right word on repeating."""

from types import SimpleNamespace
from typing import Any

import pytest

from weightmark.encoding import hide_secrets
from weightmark.errors import PlatformError
from weightmark_adapters.huggingface import sdk as hub
from weightmark_adapters.wandb import sdk as desk

SIGNED = "https://me:pw@storage.example.org/a/b?X-Signature=abcdef&Key=1#top"


def answer(status: int, **headers: str) -> Any:
    return SimpleNamespace(
        status_code=status, headers={key.replace("_", "-"): headers[key] for key in headers}
    )


def told(speaking: Any, status: int, message: str = "", **headers: str) -> PlatformError:
    import requests

    with pytest.raises(PlatformError) as caught, speaking("x://y"):
        raise requests.HTTPError(message or f"{status} for url: {SIGNED}", response=answer(status, **headers))
    return caught.value


@pytest.mark.parametrize("speaking", [hub.speaking, desk.speaking])
def test_a_signed_address_is_in_no_message(speaking: Any) -> None:
    for status in (400, 403, 404):
        error = told(speaking, status)
        assert not any(word in str(error) for word in ("abcdef", "X-Signature", "pw"))


@pytest.mark.parametrize("speaking", [hub.speaking, desk.speaking])
@pytest.mark.parametrize("status", [429, 500, 502, 507, 520, 524])
def test_a_server_that_fails_may_be_asked_again(speaking: Any, status: int) -> None:
    error = told(speaking, status, Retry_After="7")
    assert error.retryable
    assert error.retry_after == 7


@pytest.mark.parametrize("speaking", [hub.speaking, desk.speaking])
@pytest.mark.parametrize("wait", ["soon", "\u00b2", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_number_of_seconds_is_none(speaking: Any, wait: str) -> None:
    assert told(speaking, 429, Retry_After=wait).retry_after is None


@pytest.mark.parametrize("speaking", [hub.speaking, desk.speaking])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_is_denied_is_not_asked_again(speaking: Any, status: int) -> None:
    assert not told(speaking, status).retryable


def test_text_without_an_address_stays() -> None:
    text = "acme/churn has no v3; see (https://docs.example.org/a). ok: 1"
    assert hide_secrets(text) == text
