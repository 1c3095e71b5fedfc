"""One import guards every platform that is installed: ``import weightmark_hooks.bootstrap.auto``."""

from importlib.util import find_spec

from weightmark_hooks.bootstrap import HOOKS, install

install(name for name, library in HOOKS.items() if find_spec(library) is not None)
