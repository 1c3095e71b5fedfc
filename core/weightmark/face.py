"""The one line: each function opens the workspace of the settings, does one thing and closes it.

Whoever does many things opens a ``Workspace`` once.
"""

from collections.abc import Sequence
from os import PathLike, fspath
from typing import overload

from weightmark.fingerprinting import Fingerprint, LoadedFingerprint, LoadedModel
from weightmark.licensing import Action, Decision, Tier
from weightmark.workspace import Loader, Outcome, Verification, Workspace, fingerprint_memory


@overload
def fingerprint(model: str | PathLike[str]) -> Fingerprint: ...
@overload
def fingerprint(model: LoadedModel) -> LoadedFingerprint: ...
def fingerprint(model: str | PathLike[str] | LoadedModel) -> Fingerprint | LoadedFingerprint:
    """Fingerprint a model; nothing is recorded.

    Args:
        model: a path, a URI such as ``models:/churn/3``, or a model in memory: a torch module or its state
            dict, a Keras, ONNX or transformers model, a mapping of names to arrays.

    Returns:
        The digests; of a model in memory those of its numbers and their names, the same that the files have
        which its own library saves it to.

    Raises:
        MalformedError: the files are not safe to read, are damaged, or change while they are read; or what is
            in memory is no model.
    """
    with Workspace.open() as workspace:
        if isinstance(model, str | PathLike):
            return workspace.fingerprint(fspath(model))
        return fingerprint_memory(model, workspace.plugins, workspace.configuration.algorithm)


def register(
    model: str | PathLike[str],
    *,
    license: str | None = None,  # noqa: A002 - the word that every platform uses
    mine: bool = False,
    base: Sequence[str] = (),
    name: str = "",
) -> Outcome:
    """Fingerprint a model, sign the fact and record it; the same files are recorded once.

    Args:
        model: a path, or a URI such as ``models:/churn/3``.
        license: its licence, as an SPDX expression; None to take what the model's own card says.
        mine: whether you say that you own it; else its licence binds you too.
        base: what it was derived from: URIs, digests or names.
        name: what to call it; empty for the folder's or the platform's name.

    Returns:
        What was recorded, and what the licences say to its use.

    Raises:
        MalformedError: the files are not safe to read, are damaged, or change while they are read.
        LicensingError: it is somebody else's to register.
        LedgerError: recording failed; says whether it may have happened.
    """
    with Workspace.open() as workspace:
        return workspace.register(fspath(model), license_=license, mine=mine, bases=tuple(base), name=name)


def verify(model: str | PathLike[str], *, expect: str = "") -> Verification:
    """Check a model against its registration in the ledger.

    Args:
        model: a path, or a URI such as ``models:/churn/3``.
        expect: what it should be: a name, a URI, a digest; empty for what was registered from there.

    Returns:
        The evidence.

    Raises:
        VerificationError: it does not hold; ``failures`` says what.
        MalformedError: the model or the ledger is damaged.
    """
    with Workspace.open() as workspace:
        return workspace.verify(fspath(model), expect=expect)


def check(model: str | PathLike[str], action: Action | str = Action.DEPLOY, *, party: str = "") -> Decision:
    """Ask whether the licences of a model, and of all it was derived from, allow an action.

    Args:
        model: a path, a URI, a digest or a name.
        action: what is to be done.
        party: who wants to; empty for your own party.

    Returns:
        The decision; ``decision.require()`` raises when it is not a permission. A model that is not
        registered is undecided.

    Raises:
        MalformedError: the files at the path cannot be read safely.
    """
    with Workspace.open() as workspace:
        return workspace.check(fspath(model), Action(action), party=party)


def open_model(model: str | PathLike[str], *, tier: Tier | str, party: str = "", purpose: str = "") -> Loader:
    """Open a model as a tier: its loader gives what licence and grants allow, and no more than the tier.

    Args:
        model: a path, or a URI such as ``models:/churn/3``.
        tier: the least that is enough: ``metadata``, ``read-only``, ``inference``, ``fine-tune``, ``full``.
        party: who opens it; empty for your own party.
        purpose: what it is for, as grants name it: ``research``; empty when nobody said.

    Returns:
        The loader, to be closed or used in a ``with`` statement; it asks for a decision at each access.

    Raises:
        ValueError: there is no such tier.
        NotEntitledError: nothing registered fits.
        VerificationError: the registration does not hold.
        MalformedError: the files cannot be read safely.
    """
    workspace = Workspace.open()
    try:
        loader = workspace.open_model(fspath(model), tier=tier, party=party, purpose=purpose)
    except BaseException:
        workspace.close()
        raise
    loader.at_close(workspace.close)
    return loader
