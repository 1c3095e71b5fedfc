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
from .granting import GrantRecord as GrantRecord
from .granting import change_grant as change_grant
from .granting import find_grant as find_grant
from .granting import give_grant as give_grant
from .loading import fingerprint_memory as fingerprint_memory
from .metering.meter import Meter as Meter
from .offline.licence_file import verify_licence_file as verify_licence_file
from .offline.licence_issuing import issue_licence as issue_licence
from .offline.licence_issuing import publish_status as publish_status
from .offline.licence_verdict import LicenceQuestion as LicenceQuestion
from .offline.licence_verdict import LicenceVerdict as LicenceVerdict
from .opening.loader import Loader as Loader
from .opening.opened import Architecture as Architecture
from .opening.opened import ModelMetadata as ModelMetadata
from .outcome import Outcome as Outcome
from .outcome import describe as describe
from .outcome import explain as explain
from .permitting.answer import Answer as Answer
from .permitting.permit import Permit as Permit
from .recording import Recorded as Recorded
from .recording import bundle_of as bundle_of
from .recording import canonical_license as canonical_license
from .recording import manifest_of as manifest_of
from .recording import prove_entry as prove_entry
from .renewing.renewing import Renewals as Renewals
from .sketching import Candidate as Candidate
from .syncing import Synced as Synced
from .syncing import SyncFailure as SyncFailure
from .verification import Expectation as Expectation
from .verification import Verification as Verification
from .verification import name_failure as name_failure
from .verification import verify_fingerprint as verify_fingerprint
from .workspace import Workspace as Workspace

__all__ = [
    "Answer",
    "Architecture",
    "Candidate",
    "Configuration",
    "Expectation",
    "Finding",
    "Gate",
    "GrantRecord",
    "LicenceQuestion",
    "LicenceVerdict",
    "Loader",
    "Meter",
    "ModelMetadata",
    "Outcome",
    "Permit",
    "Recorded",
    "Renewals",
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
    "change_grant",
    "describe",
    "explain",
    "failing_closed",
    "find_grant",
    "fingerprint_memory",
    "give_grant",
    "is_lasting",
    "issue_licence",
    "manifest_of",
    "name_failure",
    "process_workspace",
    "prove_entry",
    "publish_status",
    "read_bounded",
    "verify_fingerprint",
    "verify_licence_file",
    "write_whole",
]
