"""Kubeflow Pipelines: components that register, gate and verify models; the gate before its model registry.

``from weightmark_hooks.kubeflow import register, license_gate``; kfp is imported when one is asked for.
"""

from typing import Any, Final

NAMES: Final = ("fingerprint", "register", "license_gate", "verify", "attribute", "record_failure")
"""The components, in the order in which a model meets them."""

__all__ = ["NAMES", "protect", "unprotect"]


def protect() -> None:
    """Guard ``ModelRegistry.register_model`` in this process; called again, it changes nothing.

    A model is registered with Weightmark before the first request is sent, and its version carries the tags.
    The check runs in this process, so it holds those who mean well.

    Raises:
        MissingExtraError: the Model Registry's client is not installed.
    """
    from weightmark_hooks.kubeflow import guard

    guard.put_in()


def unprotect() -> None:
    """Take the guard away again.

    Raises:
        MissingExtraError: the Model Registry's client is not installed.
    """
    from weightmark_hooks.kubeflow import guard

    guard.take_out()


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from weightmark_hooks.kubeflow.component import steps

    return steps()[name]


def __dir__() -> list[str]:
    return sorted([*__all__, *NAMES])
