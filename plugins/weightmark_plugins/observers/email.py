"""An observer."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Observer


@hookimpl
def weightmark_observers() -> list[type[Observer]]:
    """Offer it."""
    return []
