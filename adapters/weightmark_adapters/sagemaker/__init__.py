"""SageMaker: model packages in its model registry, their bytes in S3."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.sagemaker.registry import SagemakerRegistry

__all__ = ["SagemakerRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer SageMaker's registry."""
    return [SagemakerRegistry]
