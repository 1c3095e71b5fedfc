from .asking import ask as ask
from .asking import failing_closed as failing_closed
from .asking import process_workspace as process_workspace
from .configuration import Configuration as Configuration
from .file import read_bounded as read_bounded
from .file import write_whole as write_whole
from .finding import Finding as Finding
from .finding import Round as Round
from .finding import State as State
from .following import is_lasting as is_lasting
from .gate import Gate as Gate
from .gate import Requirement as Requirement
from .gate import WhenUndecided as WhenUndecided
from .loading import fingerprint_memory as fingerprint_memory
from .outcome import Outcome as Outcome
from .outcome import describe as describe
from .outcome import explain as explain
from .recording import Recorded as Recorded
from .recording import bundle_of as bundle_of
from .recording import canonical_license as canonical_license
from .recording import manifest_of as manifest_of
from .recording import prove_entry as prove_entry
from .sketching import Candidate as Candidate
from .syncing import Synced as Synced
from .syncing import SyncFailure as SyncFailure
from .verification import Expectation as Expectation
from .verification import Verification as Verification
from .verification import name_failure as name_failure
from .verification import verify_fingerprint as verify_fingerprint
from .workspace import Workspace as Workspace

__all__ = [
    "Candidate",
    "Configuration",
    "Expectation",
    "Finding",
    "Gate",
    "Outcome",
    "Recorded",
    "Requirement",
    "Round",
    "State",
    "SyncFailure",
    "Synced",
    "Verification",
    "WhenUndecided",
    "Workspace",
    "ask",
    "bundle_of",
    "canonical_license",
    "describe",
    "explain",
    "failing_closed",
    "fingerprint_memory",
    "is_lasting",
    "manifest_of",
    "name_failure",
    "process_workspace",
    "prove_entry",
    "read_bounded",
    "verify_fingerprint",
    "write_whole",
]
