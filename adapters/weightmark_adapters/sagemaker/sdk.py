"""The one door to boto3; nothing of it is imported before it is asked for."""

import functools
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from weightmark.errors import DigestMismatchError, PlatformError, WeightmarkError
from weightmark.extra import import_extra
from weightmark.ports.conversation import Conversation

_conversation: Final = Conversation("sagemaker")
_OWN: Final = frozenset({"boto3", "botocore"})
_lock: Final = threading.Lock()
_clients: Final[OrderedDict[bytes, Any]] = OrderedDict()
_MAX_CLIENTS: Final = 16
_TOO_MANY: Final = 429
_SERVER: Final = 500

_BUSY: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_UNKNOWN_KEY: Final = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"}
)
_SKEWED: Final = frozenset({"RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch"})
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_NETWORK: Final = (
    "ConnectionError",
    "HTTPClientError",
    "IncompleteReadError",
    "ResponseStreamingError",
)
_KEYLESS: Final = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "NoAuthTokenError",
    "ProfileNotFound",
)


def load(module: str = "boto3") -> Any:
    """Import a module of boto3 or botocore.

    Raises:
        MissingExtraError: boto3 is not installed.
    """
    return import_extra(module, extra="sagemaker", packages=_OWN)


class Door:
    """Makes boto3's clients.

    Args:
        session: the botocore session to make them with; None for boto3's default one, else a new one.
        region: the region, when nothing else names one.
    """

    def __init__(self, session: Any = None, region: str = "") -> None:
        self._session = session
        self._region = region
        self._made: dict[tuple[str, str, bool], Any] = {}

    def client(self, service: str, *, region: str = "", once: bool = False) -> Any:
        """Give a client.

        Args:
            service: ``sagemaker``, ``s3``.
            region: the region; empty for the session's own.
            once: whether to ask once only, for what can be done without.

        Raises:
            MissingExtraError: boto3 is not installed.
        """
        region = region or self._region
        if self._session is None:
            return _default_client(service, region, once=once)
        key = (service, region, once)
        with _lock:
            if key not in self._made:
                self._made[key] = self._session.create_client(service, **_options(region, once=once))
            return self._made[key]


def is_own_call() -> bool:
    """Say whether the call that is being made is Weightmark's own, which its hook lets pass."""
    return _conversation.is_ours()


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Mark calls as our own, and turn what boto3 raises into our own errors.

    Args:
        uri: what SageMaker or S3 is asked about, for the message.

    Raises:
        PlatformError: the platform refused or failed; retryable when it could not be reached or was too busy,
            after all that botocore itself repeats. Or what came could not be written here.
        DigestMismatchError: what came from S3 does not fit S3's own checksum.
    """
    try:
        with _conversation.marked():
            yield
    except WeightmarkError:
        raise
    except Exception as error:
        exceptions = load("botocore.exceptions")
        if isinstance(error, exceptions.ClientError):
            raise _answered(uri, error) from error
        if isinstance(error, (exceptions.BotoCoreError, TimeoutError, ConnectionError)):
            raise _unanswered(uri, error) from error
        if isinstance(error, OSError):
            raise PlatformError(
                f"{uri!r} could not be written to this machine's disk: {error.strerror}",
                hint="Set TMPDIR to a folder on a larger disk.",
            ) from error
        raise


def code_of(error: BaseException | None) -> str:
    """Give the code of an error that AWS answered with; empty when it did not answer."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _options(region: str, *, once: bool) -> dict[str, Any]:
    config = load("botocore.config").Config
    more: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "read_timeout": 10} if once else {}
    options: dict[str, Any] = {"config": config(connect_timeout=10, **more)}
    return {**options, "region_name": region} if region else options


def _default_client(service: str, region: str, *, once: bool) -> Any:
    """Give a client of boto3's default session; another one when the environment changed."""
    boto3 = load()
    session = boto3.DEFAULT_SESSION
    named = sorted(f"{key}={value}" for key, value in os.environ.items() if key.startswith("AWS_"))
    told = "\0".join([*named, service, region, str(once), str(os.getpid()), str(id(session))])
    key = hashlib.sha256(told.encode("utf-8", "surrogateescape")).digest()
    with _lock:
        if key not in _clients:
            _clients[key] = (session or boto3.Session()).client(service, **_options(region, once=once))
            while len(_clients) > _MAX_CLIENTS:
                _clients.popitem(last=False)
        return _clients[key]


def _answered(uri: str, error: Any) -> PlatformError:
    code = code_of(error)
    answer = error.response.get("ResponseMetadata", {})
    status = int(answer.get("HTTPStatusCode") or 0)
    headers: dict[str, str] = answer.get("HTTPHeaders") or {}
    after = headers.get("retry-after", "")
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:300]
    said = "" if said.startswith("<") else said  # a page of HTML says nothing
    busy = code in _BUSY or status == _TOO_MANY or status >= _SERVER
    return PlatformError(
        f"AWS could not do {error.operation_name} for {uri!r}: {code}: {said}",
        retryable=busy,
        retry_after=float(after) if after.isascii() and after.isdigit() else None,
        hint=_hint(code, busy=busy),
    )


def _hint(code: str, *, busy: bool) -> str:
    if busy:
        return "Repeat the step later; AWS_RETRY_MODE=adaptive lets boto3 itself be more patient."
    if code in _EXPIRED:
        return "The credentials have expired; log in again, or take those of a role that renews itself."
    if code in _UNKNOWN_KEY:
        return "AWS does not know these credentials; check the profile and the partition."
    if code in _SKEWED:
        return "Set this machine's clock, then check the secret key."
    if code in _DENIED:
        return "Give the role the rights in docs/how-to/sagemaker.md."
    return "Check the name, the version, the region and the account."


def _unanswered(uri: str, error: Exception) -> WeightmarkError:
    exceptions = load("botocore.exceptions")
    message = " ".join(str(error).split())[:300]
    if isinstance(error, load("botocore.exceptions").FlexibleChecksumError):
        return DigestMismatchError(f"what came for {uri!r} does not fit S3's own checksum: {message}")
    network = tuple(getattr(exceptions, name) for name in _NETWORK if hasattr(exceptions, name))
    keyless = tuple(getattr(exceptions, name) for name in _KEYLESS if hasattr(exceptions, name))
    if isinstance(error, keyless):
        hint = "Log in to AWS, or set AWS_PROFILE."
    elif isinstance(error, exceptions.NoRegionError):
        hint = "Set AWS_REGION, or name the model by its ARN."
    else:
        hint = "Check that AWS can be reached, then repeat the step."
    return PlatformError(
        f"AWS could not be asked about {uri!r}: {message}",
        retryable=isinstance(error, (*network, TimeoutError, ConnectionError)),
        hint=hint,
    )


class ClientSession:
    """Makes clients as one client was made: with its credentials, at its address.

    Args:
        client: boto3's client.
        session: the botocore session that made it; None when it is not known.
    """

    def __init__(self, client: Any, session: Any = None) -> None:
        self._client = client
        self._session = session
        keys = getattr(getattr(client, "_request_signer", None), "_credentials", None)
        self._frozen: Any = None
        if keys is not None and (session is None or keys is not session.get_credentials()):
            self._frozen = keys.get_frozen_credentials()

    def is_current(self) -> bool:
        """Say whether the client's credentials are those with which this makes clients."""
        now = ClientSession(self._client, self._session)
        return bool(now._frozen == self._frozen)

    def create_client(self, service: str, **options: Any) -> Any:
        """Make a client with the same credentials; of the same service and region, at the same address."""
        if self._frozen is not None:
            options |= {
                "aws_access_key_id": self._frozen.access_key,
                "aws_secret_access_key": self._frozen.secret_key,
                "aws_session_token": self._frozen.token,
            }
        meta = self._client.meta
        same_region = options.get("region_name") in {None, meta.region_name}
        if service == meta.service_model.service_name and same_region:
            options["endpoint_url"] = meta.endpoint_url
        if self._session is not None:
            return self._session.create_client(service, **options)
        return _spare_session().client(service, **options)


@functools.cache
def _spare_session() -> Any:
    """Give a session that remembers the services' descriptions, which take long to read."""
    return load().Session()
