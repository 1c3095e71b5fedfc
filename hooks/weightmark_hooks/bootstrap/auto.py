"""One import guards every platform that is installed: ``import weightmark_hooks.bootstrap.auto``."""

from importlib.util import find_spec

from weightmark_hooks.bootstrap import HOOKS, install


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False


install(name for name, library in HOOKS.items() if _is_installed(library))
