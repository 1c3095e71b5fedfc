"""The policy of the organisation that the settings name: read as it is now, asked after every decision.

A policy that is missing or broken leaves every decision undecided; it is never passed over.
"""

from __future__ import annotations  # so that policies are read about only where there is one

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weightmark.discovery import Plugins
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.licensing.decision import Decision
from weightmark.workspace.file import read_bounded

if TYPE_CHECKING:
    from weightmark.licensing.organisation.case import PolicyQuestion
    from weightmark.workspace.policing.policy_file import PolicyInForce

FILE_NAME: Final = "weightmark-policy.toml"
_log = logging.getLogger(__name__)


class Policing:
    """Keeps the policy that was read, for as long as its file stays the same.

    Args:
        path: the policy's file; None when the settings name none.
        plugins: what is installed.
    """

    def __init__(self, path: Path | None, plugins: Plugins) -> None:
        self._path = path
        self._plugins = plugins
        self._kept: tuple[bytes, PolicyInForce] | None = None

    def current(self) -> PolicyInForce | None:
        """Give the policy as its file is now; None when the settings name none.

        Raises:
            WeightmarkError: there should be one, and it cannot be read.
        """
        if self._path is None:
            return None
        from weightmark.licensing.organisation.reading import MAX_POLICY
        from weightmark.workspace.policing.policy_file import open_policy

        data, kept = read_bounded(self._path, MAX_POLICY), self._kept
        if kept is None or kept[0] != data:
            # Two threads may read it at once; both read the same.
            kept = self._kept = data, open_policy(self._path, self._plugins, data)
        return kept[1]

    @property
    def digest(self) -> str:
        """The digest of the policy that was asked last; empty when none was, or it could not be read."""
        return "" if self._kept is None else self._kept[1].digest

    def apply(self, question: PolicyQuestion) -> Decision:
        """Give the decision that is left when the policy was asked.

        Raises:
            Nothing: what goes wrong leaves it undecided.
        """
        if self._path is None:
            return question.decision
        from weightmark.licensing.organisation.applying import apply_rulings

        try:
            policy = self.current()
            rulings = () if policy is None else policy.engine.judge(question)
        except MalformedError as error:
            return self._broken(question.decision, error.message, error.hint)
        except WeightmarkError as error:
            return self._broken(
                question.decision, f"the policy could not be asked: {error.message}", error.hint
            )
        except Exception as error:
            _log.exception("the policy %s failed", self._path)
            what = f"the policy {self._path} failed: {type(error).__name__}"
            return self._broken(question.decision, what, "The log says more.")
        return apply_rulings(question.decision, rulings)

    def _broken(self, decision: Decision, message: str, hint: str) -> Decision:
        from weightmark.licensing.organisation.applying import leave_undecided

        sentence = f"{message[:1].upper()}{message[1:]}, so nothing is allowed."
        return leave_undecided(decision, sentence, hint, f"policy {self._path}")
