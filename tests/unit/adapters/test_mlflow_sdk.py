"""What MLflow raises, as our own errors: what may pass, what may not, and how long to wait."""

import pytest
import requests

from weightmark.errors import PlatformError
from weightmark_adapters.mlflow import sdk
from weightmark_adapters.mlflow.inspection import without_secrets

pytestmark = pytest.mark.filterwarnings("ignore")


def http_error(status, **headers):
    response = requests.Response()
    response.status_code = status
    response.headers.update({key.replace("_", "-"): value for key, value in headers.items()})
    return requests.HTTPError(f"{status} from the store", response=response)


def rest_error(code):
    from mlflow.exceptions import RestException

    return RestException({"error_code": code, "message": "no"})


def client_error(message, code="INTERNAL_ERROR"):
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2

    return MlflowException(message, error_code=databricks_pb2.ErrorCode.Value(code))


def told(error) -> PlatformError:
    with pytest.raises(PlatformError) as caught, sdk.speaking("models:/churn/3"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def test_a_store_that_says_how_long_to_wait_is_heard():
    error = told(http_error(429, Retry_After="7"))
    assert (error.retryable, error.retry_after) == (True, 7.0)
    assert told(http_error(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")).retry_after is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: requests.ConnectionError("refused"),
        lambda: requests.exceptions.RetryError("too many 429 error responses"),
        lambda: requests.Timeout("slow"),
        lambda: TimeoutError("slow"),
        lambda: http_error(502),
        lambda: rest_error("TEMPORARILY_UNAVAILABLE"),
        lambda: rest_error("REQUEST_LIMIT_EXCEEDED"),
        lambda: rest_error("INTERNAL_ERROR"),
        lambda: client_error("API request to endpoint /x failed with error code 503 != 200."),
    ],
)
def test_what_may_pass_is_retryable(make):
    assert told(make()).retryable


@pytest.mark.parametrize(
    "make",
    [
        lambda: http_error(404),
        lambda: rest_error("RESOURCE_DOES_NOT_EXIST"),
        lambda: client_error("the client itself was given nonsense"),
        lambda: ValueError("no such thing"),
    ],
)
def test_what_stays_is_not(make):
    assert not told(make()).retryable


@pytest.mark.parametrize(
    "make",
    [
        lambda: http_error(401),
        lambda: http_error(403),
        lambda: rest_error("PERMISSION_DENIED"),
        lambda: client_error("API request failed with error code 401 != 200.", "UNAUTHENTICATED"),
    ],
)
def test_missing_rights_are_said_to_be(make):
    error = told(make())
    assert not error.retryable
    assert "MLFLOW_TRACKING_PASSWORD" in error.hint


def test_our_own_calls_are_known_as_such_only_inside():
    assert not sdk.is_speaking()
    with sdk.speaking("models:/churn/3"):
        assert sdk.is_speaking()
        with sdk.as_ourselves():
            assert sdk.is_speaking()
        assert sdk.is_speaking()
    assert not sdk.is_speaking()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:5000/path?token=x#y", "http://host:5000/path"),
        ("weightmark+sqlite:////abs/mlflow.db", "sqlite:////abs/mlflow.db"),
        ("./mlruns", "./mlruns"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_its_secrets(uri, shown):
    assert without_secrets(uri) == shown
