"""The port of what reads an organisation's policy in one language and asks it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from weightmark.licensing.organisation.case import PolicyQuestion
from weightmark.licensing.organisation.policy import Ruling


class PolicyEngine(ABC):
    """A policy that was read. Asking it is pure: the same question, the same rulings. Safe from many threads.

    ``name`` is the suffix of the files that it reads, without the dot: ``cedar``.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def open(cls, path: Path, data: bytes) -> Self:
        """Read a policy, and check it: what is not understood is an error.

        Args:
            path: where it lies, for messages and for where a rule is written; it is not read again.
            data: its bytes.

        Raises:
            MalformedError: it is no policy; the message names the file, and the rule and the line if it can.
            MissingExtraError: the library of its language is not installed.
        """

    @abstractmethod
    def judge(self, question: PolicyQuestion) -> tuple[Ruling, ...]:
        """Say which rules are not kept.

        What cannot be evaluated is a ruling that denies, never an exception: a policy fails closed.

        Args:
            question: what is asked, with what the licences and grants said.

        Returns:
            One ruling for each rule and each work that does not keep it; empty when all is well.
        """

    @abstractmethod
    def words(self) -> list[str]:
        """Give its rules for people, one in each line."""
