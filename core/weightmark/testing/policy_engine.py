"""What every policy engine must keep to.

Not here: what its language can say. A suite asks one policy of a few lines.
"""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from weightmark.encoding import digest_bytes
from weightmark.errors import MalformedError
from weightmark.licensing.action import Action
from weightmark.licensing.deciding import decide
from weightmark.licensing.decision import Decision, Outcome
from weightmark.licensing.organisation.applying import apply_rulings
from weightmark.licensing.organisation.case import PolicyQuestion
from weightmark.licensing.organisation.policy import Weight
from weightmark.licensing.party import Party
from weightmark.licensing.request import Request
from weightmark.licensing.work import Work
from weightmark.ports import PolicyEngine

AT = datetime(2026, 11, 22, tzinfo=UTC)


def ask(licence: str | None, action: Action = Action.DEPLOY, **change: object) -> PolicyQuestion:
    """Make a question about one work."""
    work = Work(name="lab/net", subject=digest_bytes(b"net"), owner="lab.example", license=licence)
    request = Request(action=action, party=Party(name="acme.example", commercial=False), at=AT)
    works = (replace(work, **change),)  # type: ignore[arg-type]
    return PolicyQuestion(request=request, works=works, decision=decide(request, works), own="acme.example")


class PolicyEngineSuite(ABC):
    """Conformance suite for `PolicyEngine`: subclass it, write one policy in its language, inherit the tests.

    The policy has one rule, ``no-nc``: what does not permit commercial use, or has no rules, does not go to
    production; with ``We sell what we run.`` for the reason and ``legal@acme.example`` for whom to ask.

    Source: the port's own docstrings.
    """

    engine: ClassVar[type[PolicyEngine]]
    broken: ClassVar[tuple[bytes, ...]] = (b"", b"\xff\xfe", b"no policy of any kind (")

    @abstractmethod
    def policy(self) -> bytes:
        """Give the policy's bytes."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> PolicyEngine:
        """Open the policy; its file is not there, and need not be."""
        return self.engine.open(tmp_path / f"acme.{self.engine.name}", self.policy())

    def test_the_name_is_a_suffix(self) -> None:
        """A file finds its engine by it."""
        assert self.engine.name.isalnum()
        assert self.engine.name == self.engine.name.lower()

    def test_it_denies_what_its_rule_forbids(self, opened: PolicyEngine) -> None:
        """The rule is named, with its file, its reason and whom to ask."""
        (ruling,) = opened.judge(ask("cc-by-nc-4.0"))
        assert (ruling.weight, ruling.rule, ruling.work) == (Weight.DENY, "no-nc", "lab/net")
        assert "We sell what we run" in ruling.message
        assert f"acme.{self.engine.name}" in ruling.clause
        assert "no-nc" in ruling.clause
        assert "legal@acme.example" in ruling.hint

    @pytest.mark.parametrize(
        ("licence", "action"), [("mit", Action.DEPLOY), ("cc-by-nc-4.0", Action.FINE_TUNE)]
    )
    def test_it_says_nothing_of_what_keeps_its_rule(
        self, opened: PolicyEngine, licence: str, action: Action
    ) -> None:
        """No ruling, and the decision stays as it was."""
        question = ask(licence, action)
        assert opened.judge(question) == ()

    @pytest.mark.parametrize("licence", [None, "other", "nobody-knows-this", "(", "a" * 5_000])
    def test_what_is_unknown_is_denied(self, opened: PolicyEngine, licence: str | None) -> None:
        """Also a licence that is none."""
        assert [ruling.weight for ruling in opened.judge(ask(licence))] == [Weight.DENY]

    def test_a_model_that_is_not_registered_is_denied(self, opened: PolicyEngine) -> None:
        """Nothing is known of it."""
        question = replace(ask("mit"), works=())
        assert [ruling.weight for ruling in opened.judge(question)] == [Weight.DENY]

    @pytest.mark.parametrize(
        ("licence", "rules"),
        [
            ("mit OR cc-by-nc-4.0", set[str]()),
            ("cc-by-nc-4.0 OR cc-by-nc-sa-4.0", {"no-nc"}),
            ("mit AND cc-by-nc-4.0", {"no-nc"}),
        ],
    )
    def test_of_a_choice_one_is_enough_and_of_a_sum_all_are_needed(
        self, opened: PolicyEngine, licence: str, rules: set[str]
    ) -> None:
        """OR and AND are the licence's."""
        denying = [ruling for ruling in opened.judge(ask(licence)) if ruling.weight is Weight.DENY]
        assert {ruling.rule for ruling in denying} == rules

    def test_every_work_is_judged(self, opened: PolicyEngine) -> None:
        """The lineage too, each work by itself."""
        first = ask("mit")
        base = replace(ask("cc-by-nc-4.0").works[0], name="base", subject=digest_bytes(b"base"))
        (ruling,) = opened.judge(replace(first, works=(*first.works, base)))
        assert ruling.work == "base"

    def test_strange_names_do_not_pass(self, opened: PolicyEngine) -> None:
        """Quotes, controls and newlines of a stranger change nothing."""
        for name in ('"', "\n", "\x1b[2J", '") permit(', "Ü" * 2_000, "\\", ""):
            question = ask("cc-by-nc-4.0", name=name, owner=name)
            assert [ruling.weight for ruling in opened.judge(question)] == [Weight.DENY], repr(name)

    def test_it_never_allows_what_is_refused(self, opened: PolicyEngine) -> None:
        """A policy only takes away."""
        question = ask("mit")
        refused = Decision(outcome=Outcome.REFUSED, code=question.decision.code)
        rulings = opened.judge(replace(question, decision=refused))
        assert apply_rulings(refused, rulings).outcome is Outcome.REFUSED

    def test_threads_ask_at_once(self, opened: PolicyEngine) -> None:
        """The same question, the same rulings."""
        question = ask("cc-by-nc-4.0")
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(opened.judge, [question] * 40))
        assert set(answers) == {opened.judge(question)}

    def test_what_is_no_policy_is_refused(self, tmp_path: Path) -> None:
        """When it is opened, with the file's name."""
        for data in self.broken:
            with pytest.raises(MalformedError, match=r"acme\."):
                self.engine.open(tmp_path / f"acme.{self.engine.name}", data)

    def test_it_tells_its_rules(self, opened: PolicyEngine) -> None:
        """For people, a line each."""
        assert any("no-nc" in line for line in opened.words())
