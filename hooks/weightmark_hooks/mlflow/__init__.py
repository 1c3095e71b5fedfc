"""MLflow asks Weightmark before it writes to its model registry, and before it loads a model.

On the server: ``mlflow server --registry-store-uri weightmark+sqlite:///mlflow.db``; every client is then
held to it. Without a server of one's own: ``weightmark_hooks.mlflow.protect()``, once, or
``WEIGHTMARK_HOOKS=mlflow`` in the environment.
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]
