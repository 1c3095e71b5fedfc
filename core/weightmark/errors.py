"""Every error that Weightmark raises on purpose.

Not here: wrong arguments, which are plain ``ValueError`` and ``TypeError``.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal


class WeightmarkError(Exception):
    """Anything Weightmark raises on purpose.

    Args:
        message: names the thing, what was expected and what was found; never a secret.
        hint: one sentence that says what to do.
    """

    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class MalformedError(WeightmarkError):
    """The bytes are not what they say they are; found before any trust decision."""

    default_hint = "Get the file again from its source; if it is yours, write it again with its own tool."


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that did not hold.

    Attributes:
        path: the file, relative to the model's folder; empty when it is not about one file.
        tensor: the tensor's name; empty when it is not about one tensor.
        reason: a word or a sentence: ``changed``, ``missing``, ``unexpected``, …
    """

    path: str = ""
    tensor: str = ""
    reason: str


class VerificationError(WeightmarkError):
    """It was checked and did not hold.

    Args:
        message: names the thing, what was expected and what was found.
        failures: everything that did not hold; the message itself when it is one thing.
        hint: one sentence that says what to do.
    """

    exit_code = 3
    default_hint = "Do not use the model until you know why; compare it with the copy that was registered."

    def __init__(self, message: str, *, failures: tuple[Failure, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.failures = failures or (Failure(reason=message),)


class DigestMismatchError(VerificationError):
    """The bytes are not those that were registered; ``failures`` names the files and tensors."""


class SignatureError(VerificationError):
    """A signature does not fit the bytes or the key."""

    default_hint = "Check that the bundle is whole and that the key is the signer's own."


class UntrustedKeyError(VerificationError):
    """The signature may be good, but its key is not in the trust root."""

    default_hint = (
        "Ask the signer for the public key by a way you trust, then add it with `weightmark trust add`."
    )


class ExpiredError(VerificationError):
    """A key, a grant or a statement was used outside its time."""

    default_hint = "Ask the owner for a renewal."


class StaleStatusError(VerificationError):
    """A status list is too old to say whether a grant still holds."""

    default_hint = "Bring the newest list from the licensor: `weightmark license verify FILE --status LIST`."


class ClockError(VerificationError):
    """This machine's clock shows a time that cannot be, or its record of times seen does not hold."""

    default_hint = (
        "Set the clock right; if it was wrong before, say so: `weightmark license clock reset --cause TEXT`."
    )


class ChainForkError(VerificationError):
    """Two histories of use begin alike and then differ: a machine was put back, or copied, and went on.

    Args:
        message: names the chain and both heads.
        heads: the digest that was settled, and the other one.
        hint: one sentence that says what to do.
    """

    default_hint = (
        "Keep both exports, and ask whose machine was put back; the rest is settled from a new chain."
    )

    def __init__(self, message: str, *, heads: tuple[str, str], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.heads = heads


class InclusionError(VerificationError):
    """The ledger does not hold what it says, or not in the place it says."""

    default_hint = "Keep a copy of the ledger as it is and compare it with an older checkpoint."


class PolicyError(VerificationError):
    """The evidence is good, but not what the policy asks for."""

    default_hint = "Read the policy's threshold and identities; ask for the signatures that are missing."


class LicensingError(WeightmarkError):
    """A licence, a grant or a policy stands in the way."""

    exit_code = 4
    default_hint = "Run `weightmark check` to see the clause and the way out."


class NotEntitledError(LicensingError):
    """No licence and no grant allows the action."""


class QuotaExceededError(LicensingError):
    """The grant allows the action, but no more of it."""


class GrantRevokedError(LicensingError):
    """The grant that allowed the action was revoked."""


class UnknownGrantError(LicensingError):
    """The ledger has no grant of this id."""

    exit_code = 1
    default_hint = "See the ids with `weightmark history MODEL`."


class UnknownEntitlementError(LicensingError):
    """The grant counts nothing under this name."""

    exit_code = 1
    default_hint = "Use one of the names that it has, or let its licensor amend it."


class UnknownReservationError(LicensingError):
    """Nothing was reserved under this key."""

    exit_code = 1
    default_hint = "See what is reserved with `weightmark usage show`."


class UsageConflictError(LicensingError):
    """A key stands for another use, reservation or payment already."""

    exit_code = 1
    default_hint = "Give each use a key of its own; the same key says the same thing again."


class UndecidedError(LicensingError):
    """It cannot be known whether the action is allowed, and the gate does not let the unknown pass."""

    exit_code = 5
    default_hint = "Say under which licence the model stands: `weightmark license set MODEL LICENCE`."


class RefusedError(LicensingError):
    """A gate refused, or could not be passed: the platform's step must not go on.

    What a hook raises, whatever stood in the way; the cause is chained when it was another error.

    Args:
        message: what was refused, why, by which clause, and the way out.
        undecided: whether it could not be known, so that the gate refused to be safe.
        hint: one sentence that says what to do.
    """

    def __init__(self, message: str, *, undecided: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.undecided = undecided


class LedgerError(WeightmarkError):
    """Recording failed.

    Args:
        message: names the ledger and what failed.
        outcome: ``"no"`` when nothing was recorded, ``"unknown"`` when it may have been.
        hint: one sentence that says what to do.
    """

    exit_code = 5
    default_hint = "Nothing is lost: repeat the step; the same statement is recorded only once."

    def __init__(self, message: str, *, outcome: Literal["no", "unknown"] = "no", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.outcome = outcome


class PlatformError(WeightmarkError):
    """A platform refused or failed; the cause is chained.

    Args:
        message: names the platform, the URI and what failed.
        retryable: whether the same call may succeed later.
        retry_after: seconds that the platform asked to wait; None when it did not say.
        hint: one sentence that says what to do.
    """

    exit_code = 5

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after: float | None = None, hint: str = ""
    ) -> None:
        again = "Try again when it answers; `weightmark doctor` looks at every platform."
        super().__init__(message, hint=hint or (again if retryable else ""))
        self.retryable = retryable
        self.retry_after = retry_after


class InferenceError(WeightmarkError):
    """A model could not be run, or what it answered cannot be taken."""

    default_hint = "Try the model with its own library, with the same inputs."


class PluginError(WeightmarkError):
    """A plugin is missing, broken or in conflict."""


class UnknownPluginError(PluginError):
    """No plugin of this kind has this name."""

    default_hint = "Run `weightmark plugins` to see what is installed."


class PluginConflictError(PluginError):
    """Two plugins offer the same name; which one is meant cannot be known."""

    default_hint = "Uninstall one of the two."


class MissingExtraError(PluginError):
    """A platform's own library is not installed.

    Args:
        extra: the extra of this distribution that brings it.
    """

    def __init__(self, extra: str) -> None:
        super().__init__(
            f"the library for {extra} is not installed", hint=f"pip install 'weightmark[{extra}]'"
        )
        self.extra = extra
