"""A refusal as MLflow's own error."""

from collections.abc import Generator
from contextlib import contextmanager

from weightmark.errors import RefusedError
from weightmark.workspace import failing_closed
from weightmark_adapters.mlflow import sdk


@contextmanager
def refusing(step: str) -> Generator[None, None, None]:
    """Turn a refusal, and every failure to check, into MLflow's ``PERMISSION_DENIED``.

    Always a 403: MLflow's client repeats a 5xx for minutes and then hides its reason.

    Args:
        step: what is about to happen, as it reads after "refuses": ``promoting 'models:/churn/3'``.

    Raises:
        MlflowException: it was refused, or could not be checked.
    """
    try:
        with failing_closed(step):
            yield
    except RefusedError as error:
        more = error.hint if error.hint != error.default_hint else ""
        raise denial(f"{error.message.rstrip('.')}. {more}".rstrip()) from error


def denial(message: str) -> Exception:
    """Make MLflow's error for a refusal."""
    exceptions = sdk.load("mlflow.exceptions")
    codes = sdk.load("mlflow.protos.databricks_pb2")
    made: Exception = exceptions.MlflowException(message, error_code=codes.PERMISSION_DENIED)
    return made
