"""trackio: model artifacts in its projects on this machine."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.trackio.registry import TrackioRegistry

__all__ = ["TrackioRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer the registry of trackio."""
    return [TrackioRegistry]
