"""Azure ML: models in its workspaces and registries, by the SDK's own client."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.azureml.client import connect, disconnect
from weightmark_adapters.azureml.registry import AzuremlRegistry

__all__ = ["AzuremlRegistry", "connect", "disconnect", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer Azure ML's registry."""
    return [AzuremlRegistry]
