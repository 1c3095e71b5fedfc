"""The signature on an MLflow webhook: HMAC-SHA256 over delivery id, time and body."""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from weightmark.errors import ExpiredError, MalformedError, SignatureError

SECRET: Final = "WEIGHTMARK_WEBHOOK_SECRET"  # noqa: S105  the variable's name
SECRET_FILE: Final = "WEIGHTMARK_WEBHOOK_SECRET_FILE"  # noqa: S105
TOLERANCE_SECONDS: Final = 300
"""How far a delivery's time may lie from ours, in both directions."""

_MAX_SECRET_FILE: Final = 1 << 16
_MAX_SIGNATURES: Final = 8
_TIME: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


def read_secrets(environ: Mapping[str, str] | None = None) -> tuple[bytes, ...]:
    """Read the webhook's secrets; several, so that one can follow the other without a gap.

    Args:
        environ: where ``WEIGHTMARK_WEBHOOK_SECRET`` is looked up, and ``WEIGHTMARK_WEBHOOK_SECRET_FILE``, a
            file with one secret per line; None for the process's environment.

    Raises:
        MalformedError: there is no secret, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    text = environ.get(SECRET, "")
    if file := environ.get(SECRET_FILE):
        try:
            with Path(file).open(encoding="utf-8") as stream:
                text = f"{text}\n{stream.read(_MAX_SECRET_FILE)}"
        except (OSError, UnicodeDecodeError) as error:
            raise MalformedError(f"the secrets in {file} cannot be read", hint="Check the file.") from error
    secrets = tuple(line.strip().encode() for line in text.splitlines() if line.strip())
    if not secrets:
        raise MalformedError(
            "the receiver has no secret, so it could not tell MLflow from anybody else",
            hint=f"Set {SECRET}, or {SECRET_FILE}, to the secret given to MLflow's create_webhook.",
        )
    return secrets


def check_delivery(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[bytes], now: float) -> str:
    """Check that a delivery is MLflow's own, and recent.

    Args:
        headers: the request's headers; looked up in lower case.
        body: the request's body as it came.
        secrets: any of these may have signed.
        now: seconds since 1970 UTC.

    Returns:
        The delivery's identifier, the same when MLflow sends it again.

    Raises:
        SignatureError: a header is missing or malformed, or no secret fits.
        ExpiredError: the delivery's time is more than five minutes from ours.

    Source: MLflow 3.3, webhooks, "Webhook security".
    """
    delivery = headers.get("x-mlflow-delivery-id", "")
    time = headers.get("x-mlflow-timestamp", "")
    if not _ID.fullmatch(delivery) or not _TIME.fullmatch(time):
        raise SignatureError("the delivery's identifier or time is missing or malformed")
    signed = f"{delivery}.{time}.".encode() + body
    found = [value for value in map(_decode, _signatures(headers)) if value]
    expected = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets]
    good = [hmac.compare_digest(one, other) for one in expected for other in found]
    if not any(good):
        raise SignatureError("the delivery is not signed with the webhook's secret")
    if abs(now - int(time)) > TOLERANCE_SECONDS:
        raise ExpiredError(
            f"the delivery's time is more than {TOLERANCE_SECONDS} seconds from ours",
            hint="Set the clocks of both machines.",
        )
    return delivery


def _signatures(headers: Mapping[str, str]) -> list[str]:
    return headers.get("x-mlflow-signature", "").split(" ")[:_MAX_SIGNATURES]


def _decode(signature: str) -> bytes:
    version, _, value = signature.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
