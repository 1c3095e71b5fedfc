from weightmark._version import __version__ as __version__
from weightmark.claims import Bundle as Bundle
from weightmark.claims import Policy as Policy
from weightmark.claims import TrustRoot as TrustRoot
from weightmark.encoding import Algorithm as Algorithm
from weightmark.errors import WeightmarkError as WeightmarkError
from weightmark.face import check as check
from weightmark.face import fingerprint as fingerprint
from weightmark.face import register as register
from weightmark.face import verify as verify
from weightmark.fingerprint import Fingerprint as Fingerprint
from weightmark.hookspecs import hookimpl as hookimpl
from weightmark.licensing import Action as Action
from weightmark.licensing import Decision as Decision
from weightmark.model import ModelEvent as ModelEvent
from weightmark.vocabulary import EventKind as EventKind
from weightmark.workspace import Configuration as Configuration
from weightmark.workspace import Outcome as Outcome
from weightmark.workspace import Verification as Verification
from weightmark.workspace import Workspace as Workspace

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
