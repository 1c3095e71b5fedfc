"""Ownership, licensing and attribution for AI models, inside the ML platform you already use.

Names are read when they are first used, so that importing the package costs next to nothing; their types
stand in ``__init__.pyi``.

>>> import weightmark
>>> weightmark.__version__
'0.1.0'
"""

from importlib import import_module

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

__all__ = list(_PLACES)  # noqa: PLE0605 - the stub spells it out


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PLACES)
