"""Kubeflow: models in its Model Registry, and the artifacts of its pipelines."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.kubeflow.registry import KubeflowRegistry

__all__ = ["KubeflowRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer Kubeflow's registry."""
    return [KubeflowRegistry]
