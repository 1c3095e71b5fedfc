"""What the tests of MLflow share: a quiet server, a refusal, and Openlab's grant."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from weightmark.claims import GrantClaim
from weightmark.licensing import Grant, parse_scope
from weightmark.workspace import Workspace

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def refused(call: Callable[..., object], *arguments: Any) -> str:
    """Call what the guard must refuse; give what MLflow says."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert caught.value.error_code == "PERMISSION_DENIED"
    return str(caught.value)


def grant(openlab: Workspace, base: str) -> None:
    """Let acme deploy a base model of Openlab's."""
    owned, now = openlab.find(base), openlab.clock()
    granted = Grant(
        model=owned.bundle,
        licensor="openlab",
        grantee="acme",
        capabilities=parse_scope("deploy"),
        commercial=True,
        start=now,
        end=datetime(2100, 1, 1, tzinfo=UTC),
        grace_days=0,
        price="",
    )
    openlab.record(owned, GrantClaim(grant=granted, issued_at=now), owner_only="grant its use")
