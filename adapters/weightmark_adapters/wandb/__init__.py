"""Weights & Biases: model artifacts in its projects and registries."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.wandb.registry import WandbRegistry

__all__ = ["WandbRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer the registry of Weights & Biases."""
    return [WandbRegistry]
