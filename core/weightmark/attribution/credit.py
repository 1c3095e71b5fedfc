"""Who is credited for a model, in one line a person can read."""

from collections.abc import Iterable

from weightmark.licensing import Work


def credit_line(works: Iterable[Work]) -> str:
    """Write the credit for a model and everything it stands on.

    Args:
        works: the model first, then what it was derived from.

    Returns:
        ``churn by acme (Apache-2.0), from base by openlab (CC-BY-NC-4.0)``; empty for no works.
    """
    lines = [
        f"{work.name} by {work.owner or 'an unknown owner'} ({work.license or 'no licence'})"
        for work in works
    ]
    return ", from ".join([lines[0], "; ".join(lines[1:])] if len(lines) > 1 else lines)
