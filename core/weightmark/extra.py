"""Optional libraries: imported when they are needed, and named when they are missing."""

import importlib
from typing import Any

from weightmark.errors import MissingExtraError


def import_extra(module: str, *, extra: str, packages: frozenset[str] | None = None) -> Any:
    """Import a module that an extra of this distribution brings.

    Args:
        module: its full name.
        extra: the extra.
        packages: the top-level packages that the extra brings; None for the module's own. What another
            package lacks is that package's fault, and raised as it is.

    Raises:
        MissingExtraError: it is not installed, or too old to have the module.
        ModuleNotFoundError: it is installed, and something that it needs is not.
    """
    own = packages or frozenset({module.partition(".")[0]})
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in own:
            raise MissingExtraError(extra) from error
        raise
