"""The extension points: each takes nothing and returns the classes that a plugin offers.

Nothing is decided here, so the order in which plugins are installed never matters.
"""

from __future__ import annotations  # so that a port's module is read only when its kind is asked for

from collections.abc import Sequence
from typing import Final

import pluggy

from weightmark import ports

NAMESPACE: Final = "weightmark"
hookspec: Final = pluggy.HookspecMarker(NAMESPACE)
hookimpl: Final = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def weightmark_signers() -> Sequence[type[ports.Signer]]:
    """Offer signers: what makes signatures, by URI scheme.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_ledgers() -> Sequence[type[ports.Ledger]]:
    """Offer ledgers: what records statements and proves it, by URI scheme.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_stores() -> Sequence[type[ports.Store]]:
    """Offer stores: what keeps bytes under their digest, by URI scheme.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_formats() -> Sequence[type[ports.Format]]:
    """Offer formats: what knows where tensors lie in files.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_watermarks() -> Sequence[type[ports.Watermark]]:
    """Offer watermarks: what puts a mark into weights and finds it again.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_payments() -> Sequence[type[ports.Payment]]:
    """Offer payments: what moves money.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_registries() -> Sequence[type[ports.Registry]]:
    """Offer registries: platforms where models live, by URI scheme.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_observers() -> Sequence[type[ports.Observer]]:
    """Offer observers: what is told of every event and can stop nothing.

    .. versionadded:: 0.1
    """
    return ()


@hookspec
def weightmark_runners() -> Sequence[type[ports.Runner]]:
    """Offer runners: what runs models of one kind, in a process of its own.

    .. versionadded:: 0.2
    """
    return ()


@hookspec
def weightmark_policies() -> Sequence[type[ports.PolicyEngine]]:
    """Offer policy engines: what reads an organisation's policy, by the suffix of its file.

    .. versionadded:: 0.2
    """
    return ()


@hookspec
def weightmark_commands() -> Sequence[type[ports.Command]]:
    """Offer commands: what a plugin adds to the command line.

    .. versionadded:: 0.2
    """
    return ()
