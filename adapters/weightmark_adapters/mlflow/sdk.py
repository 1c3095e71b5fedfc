"""The one door to MLflow's own library; nothing of it is imported before it is asked for."""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from weightmark.errors import MissingExtraError, PlatformError, WeightmarkError

_RETRYABLE = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED"})


def load(module: str = "mlflow") -> Any:
    """Import a module of MLflow.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == "mlflow":
            raise MissingExtraError("mlflow") from error
        raise


@contextmanager
def speaking(uri: str) -> Generator[None, None, None]:
    """Turn what MLflow raises into our own errors.

    Args:
        uri: what MLflow is asked about, for the message.

    Raises:
        PlatformError: MLflow refused or failed; retryable when it could not be reached or was too busy.
    """
    try:
        yield
    except WeightmarkError:
        raise
    except Exception as error:
        code = str(getattr(error, "error_code", ""))
        message = " ".join(str(error).split())[:400]
        unreachable = _unreachable(error)
        raise PlatformError(
            f"MLflow could not give {uri!r}: {message}",
            retryable=unreachable or code in _RETRYABLE,
            hint="Check that the MLflow server can be reached, then repeat the step."
            if unreachable
            else "Check the name, the version and MLFLOW_TRACKING_URI.",
        ) from error


def _unreachable(error: BaseException) -> bool:
    """Say whether the network stood behind the error; MLflow wraps what its HTTP library raised."""
    requests = load("requests")
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, (ConnectionError, TimeoutError, requests.ConnectionError, requests.Timeout)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
