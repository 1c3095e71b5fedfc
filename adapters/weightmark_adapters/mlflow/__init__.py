"""MLflow: models in its registry, its runs and its artifact stores."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.mlflow.registry import MlflowRegistry

__all__ = ["MlflowRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer MLflow's registry."""
    return [MlflowRegistry]
