"""Who asks: the user that an MLflow server has authenticated."""

import sys
from typing import Any


def asking_user() -> str:
    """Name the user whose request this is; empty when MLflow's own authentication is not in use."""
    flask: Any = sys.modules.get("flask")
    if "mlflow.server.auth" not in sys.modules or flask is None or not flask.has_request_context():
        return ""
    authorization = flask.request.authorization
    return str(authorization.username or "") if authorization else ""
