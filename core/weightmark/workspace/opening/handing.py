"""Handing files over: the model in a folder of its own, and beside it what goes with every copy."""

import errno
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from weightmark.encoding import printable
from weightmark.errors import WeightmarkError
from weightmark.index import RegisteredModel
from weightmark.licensing import Decision
from weightmark.licensing.wording import word_terms
from weightmark.ports import ResolvedModel
from weightmark.workspace.opening.private import copy_files

FILES = "model"
"""The folder of the model's own files."""


def hand_over(resolved: ResolvedModel, folder: Path, beside: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write a model and what lies beside it to a new folder, whole or not at all.

    Args:
        resolved: the verified files.
        folder: empty, or not there yet.
        beside: what else is written, by name.

    Returns:
        The folder of the model, then the files beside it.

    Raises:
        MalformedError: a file cannot be read, or changed since it was listed.
        WeightmarkError: something is there already, or it cannot be written.
    """
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
        ) as temporary:
            made = Path(temporary) / FILES
            made.mkdir(mode=0o700)
            copy_files(resolved.open(), made / FILES)
            for name, data in beside.items():
                (made / name).write_bytes(data)
            with suppress(FileNotFoundError):
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
        why = "is there already" if taken else f"cannot be written: {error.strerror}"
        raise WeightmarkError(
            f"{folder} {why}",
            hint="Name a folder that is empty, or not there yet.",
        ) from error
    return (folder / FILES, *(folder / name for name in sorted(beside)))


def word_handover(model: RegisteredModel, party: str, decision: Decision) -> str:
    """Write for a person under what a copy was handed over.

    Args:
        model: the model.
        party: who received it.
        decision: which allowed it.

    Raises:
        Nothing.
    """
    lines = [
        f"{printable(model.name)} by {printable(model.owner)}",
        f"Licence: {printable(model.license or 'none stated')}",
        f"Handed over to: {printable(party)}",
        f"Files: {model.bundle}",
        "",
        "Why it was allowed:",
        *(f"- {_cited(reason.message, reason.clause)}" for reason in decision.reasons),
    ]
    if decision.grant is not None:
        lines.append(f"- By the grant {decision.grant}.")
    if decision.until is not None:
        lines.append(f"- This holds until {decision.until:%Y-%m-%d %H:%M:%S} UTC.")
    if decision.duties:
        lines += ["", "What is owed:"]
        lines += [f"- {_cited(duty.sentence, duty.clause)}" for duty in decision.duties]
    if model.terms is not None:
        lines += ["", word_terms(model.terms)]
    return "\n".join(lines) + "\n"


def _cited(sentence: str, clause: str) -> str:
    return printable(f"{sentence} [{clause}]" if clause else sentence)
