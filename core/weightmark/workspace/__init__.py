"""The road that every platform, command and call takes, and the settings it takes it with."""

from weightmark.workspace.configuration import Configuration
from weightmark.workspace.gate import Gate, Requirement, WhenUndecided
from weightmark.workspace.outcome import Outcome, describe, explain
from weightmark.workspace.recording import Recorded, bundle_of, manifest_of
from weightmark.workspace.resource import write_whole
from weightmark.workspace.verification import Expectation, Verification, name_failure, verify_fingerprint
from weightmark.workspace.workspace import Workspace

__all__ = [
    "Configuration",
    "Expectation",
    "Gate",
    "Outcome",
    "Recorded",
    "Requirement",
    "Verification",
    "WhenUndecided",
    "Workspace",
    "bundle_of",
    "describe",
    "explain",
    "manifest_of",
    "name_failure",
    "verify_fingerprint",
    "write_whole",
]
