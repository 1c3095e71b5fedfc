"""Ownership, licensing and attribution for AI models, inside the ML platform you already use.

>>> import weightmark
>>> weightmark.__version__
'0.1.0'
"""

from weightmark._version import __version__
from weightmark.claims import Bundle, Policy, TrustRoot
from weightmark.encoding import Algorithm
from weightmark.errors import WeightmarkError
from weightmark.face import check, fingerprint, register, verify
from weightmark.fingerprint import Fingerprint
from weightmark.hookspecs import hookimpl
from weightmark.licensing import Action, Decision
from weightmark.model import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Outcome, Verification, Workspace

__all__ = [
    "Action",
    "Algorithm",
    "Bundle",
    "Configuration",
    "Decision",
    "EventKind",
    "Fingerprint",
    "ModelEvent",
    "Outcome",
    "Policy",
    "TrustRoot",
    "Verification",
    "WeightmarkError",
    "Workspace",
    "__version__",
    "check",
    "fingerprint",
    "hookimpl",
    "register",
    "verify",
]
