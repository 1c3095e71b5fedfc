from ._version import __version__ as __version__
from .claims import Bundle as Bundle
from .claims import Policy as Policy
from .claims import TrustRoot as TrustRoot
from .errors import WeightmarkError as WeightmarkError
from .face import check as check
from .face import fingerprint as fingerprint
from .face import open_model as open_model
from .face import register as register
from .face import verify as verify
from .fingerprinting import Fingerprint as Fingerprint
from .hookspecs import hookimpl as hookimpl
from .licensing import Action as Action
from .licensing import Decision as Decision
from .model import ModelEvent as ModelEvent
from .vocabulary import EventKind as EventKind
from .workspace import Configuration as Configuration
from .workspace import Outcome as Outcome
from .workspace import Verification as Verification
from .workspace import Workspace as Workspace

__all__ = [
    "Action",
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
    "open_model",
    "register",
    "verify",
]
