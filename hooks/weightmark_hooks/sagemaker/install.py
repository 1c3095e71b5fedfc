"""Puts the guard into every botocore session of the process, those that are and those to come.

botocore copies a session's handlers into each client it makes. So new sessions get the guard from botocore's
own initializers, and what was made before is found among the living objects.
"""

import gc
import sys
import threading
from typing import Any, Final, cast
from weakref import WeakSet

from weightmark_adapters.sagemaker import sdk
from weightmark_hooks.sagemaker.guard import GATED, Guard

_ID: Final = "weightmark"
_lock: Final = threading.Lock()
_guarded: Final[WeakSet[Any]] = WeakSet()
_active: Final = threading.Event()


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
        _active.set()
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
        _active.clear()
        if guard_new_session in botocore._INITIALIZERS:  # noqa: SLF001
            botocore.unregister_initializer(guard_new_session)
        for emitter in list(_guarded):
            for name in GATED:
                emitter.unregister(f"before-parameter-build.sagemaker.{name}", unique_id=f"{_ID}-{name}")
                emitter.unregister(f"after-call.sagemaker.{name}", unique_id=f"{_ID}-{name}-after")
        _guarded.clear()


def is_active() -> bool:
    """Say whether the guard stands; copies of its handlers in clients outlive ``unprotect``."""
    return _active.is_set()


def guard_new_session(session: Any) -> None:
    """Guard a session that botocore has just made."""
    _guard_session(session)


def _guard_session(session: Any) -> None:
    _guard_emitter(session.get_component("event_emitter"), Guard(session=session, active=is_active))


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
            _guard_emitter(one.meta.events, Guard(client=one, active=is_active))


def _guard_emitter(emitter: Any, guard: Guard) -> None:
    if emitter in _guarded:
        return
    _guarded.add(emitter)
    for name in GATED:
        # Last, on what is about to be sent: no other handler changes it after us.
        before = f"before-parameter-build.sagemaker.{name}"
        emitter.register_last(before, guard.before, unique_id=f"{_ID}-{name}")
        emitter.register_last(f"after-call.sagemaker.{name}", guard.after, unique_id=f"{_ID}-{name}-after")
