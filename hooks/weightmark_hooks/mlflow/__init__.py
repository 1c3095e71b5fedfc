"""MLflow asks Weightmark before it writes to its model registry.

On the server: ``mlflow server --registry-store-uri weightmark+sqlite:///mlflow.db``; every client is then
held to it. Without a server of one's own: ``weightmark_hooks.mlflow.protect()``, once, before anything is
registered.
"""

from weightmark_hooks.mlflow.store import guarded_store, protect

__all__ = ["guarded_store", "protect"]
