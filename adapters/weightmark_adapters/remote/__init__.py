"""Models in object stores and on web servers, read where they are."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.remote.registry import RemoteRegistry

__all__ = ["RemoteRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer the registry of remote models."""
    return [RemoteRegistry]
