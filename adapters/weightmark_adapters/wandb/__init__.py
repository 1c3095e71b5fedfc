"""The wandb registry."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer it."""
    return []
