"""Puts the guard into every SageMaker client of the process, those that are and those to come.

Clients to come are made of a class that each session is asked to change, and sessions to come are told of by
botocore's own initializers. What was made before is found among the living objects.
"""

import gc
import sys
import threading
from typing import Any, Final, cast
from weakref import WeakSet

from weightmark_adapters.sagemaker import sdk
from weightmark_hooks.sagemaker.guard import GATED, Guard

_ID: Final = "weightmark"
_CLASS: Final = "creating-client-class.sagemaker"
_lock: Final = threading.Lock()
_guarded: Final[WeakSet[Any]] = WeakSet()
"""The emitters of the sessions and clients that are guarded."""


def protect(session: Any = None) -> None:
    """Guard SageMaker's calls in this process; called again, it changes nothing.

    Args:
        session: one session of boto3 or botocore, to guard it and its future clients and no other; None for
            all sessions and clients, whether they were made already or not.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    botocore = sdk.load("botocore")
    with _lock:
        if session is not None:
            _guard_session(getattr(session, "_session", session))
            return
        if guard_new_session not in botocore._INITIALIZERS:  # noqa: SLF001  the one place that knows
            botocore.register_initializer(guard_new_session)
        _guard_living()


def unprotect() -> None:
    """Take the guard out of everything, for tests."""
    botocore = sdk.load("botocore")
    with _lock:
        if guard_new_session in botocore._INITIALIZERS:  # noqa: SLF001
            botocore.unregister_initializer(guard_new_session)
        for emitter in list(_guarded):
            emitter.unregister(_CLASS, unique_id=_ID)
            for name in GATED:
                emitter.unregister(f"before-parameter-build.sagemaker.{name}", unique_id=f"{_ID}-{name}")
                emitter.unregister(f"after-call.sagemaker.{name}", unique_id=f"{_ID}-{name}-after")
        _guarded.clear()


def guard_new_session(session: Any) -> None:
    """Guard the clients of a session that botocore has just made."""
    _guard_session(session)


def _guard_session(session: Any) -> None:
    emitter = session.get_component("event_emitter")

    class Guarded:
        """What comes first in the class of each client of SageMaker that the session makes."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            if emitter in _guarded:
                _guard_client(self, session)

    def change(base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, Guarded)

    if emitter not in _guarded:
        _guarded.add(emitter)
        emitter.register(_CLASS, change, unique_id=_ID)


def _guard_living() -> None:
    """Guard what was made before: sessions, and SageMaker's clients."""
    if "botocore.client" not in sys.modules:
        return  # nobody has made one
    session_type, client_type = sdk.load("botocore.session").Session, sdk.load("botocore.client").BaseClient
    for one in gc.get_objects():
        made = cast("type[object]", type(one))  # not isinstance, which asks a stranger's proxies
        if issubclass(made, session_type):
            _guard_session(one)
        elif issubclass(made, client_type) and one.meta.service_model.service_name == "sagemaker":
            _guard_client(one)


def _guard_client(client: Any, session: Any = None) -> None:
    emitter = client.meta.events
    if emitter in _guarded:
        return
    _guarded.add(emitter)
    guard = Guard(client, session)
    for name in GATED:
        # Last, on what is about to be sent: no other handler changes it after us.
        before = f"before-parameter-build.sagemaker.{name}"
        emitter.register_last(before, guard.before, unique_id=f"{_ID}-{name}")
        emitter.register_last(f"after-call.sagemaker.{name}", guard.after, unique_id=f"{_ID}-{name}-after")
