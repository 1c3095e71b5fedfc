"""Ownership, licensing and attribution for AI models, inside the ML platform you already use.

Names are read when they are first used, so that importing the package costs next to nothing; their types
stand in ``__init__.pyi``.

>>> import weightmark
>>> weightmark.__version__
'0.1.0'
"""

import sys
from importlib import import_module
from types import ModuleType

_PLACES = {
    "Action": "licensing",
    "Algorithm": "encoding",
    "Bundle": "claims",
    "Configuration": "workspace",
    "Decision": "licensing",
    "EventKind": "vocabulary",
    "Fingerprint": "fingerprint",
    "ModelEvent": "model",
    "Outcome": "workspace",
    "Policy": "claims",
    "TrustRoot": "claims",
    "Verification": "workspace",
    "WeightmarkError": "errors",
    "Workspace": "workspace",
    "__version__": "_version",
    "check": "face",
    "fingerprint": "face",
    "hookimpl": "hookspecs",
    "register": "face",
    "verify": "face",
}

__all__ = list(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PLACES)


class _Face(ModuleType):
    """Keeps ``fingerprint`` the function: importing the package of that name would replace it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _PLACES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
