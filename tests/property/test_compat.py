"""Laws of weighing licences together."""

from hypothesis import given
from hypothesis import strategies as st

from weightmark.licensing import (
    TEMPLATES,
    Answer,
    Capability,
    Ingredient,
    Joining,
    Use,
    WorkKind,
    find_template,
    may_carry,
    resolve_license,
    weigh_together,
)

RANK = [Answer.ALLOWED, Answer.DUTIES, Answer.UNKNOWN, Answer.REFUSED]
NAMES = [terms.id for terms in TEMPLATES]
MODELS = [terms.id for terms in TEMPLATES if not terms.covers]

JOININGS = st.sampled_from(list(Joining))
USES = st.builds(
    Use,
    capabilities=st.frozensets(st.sampled_from(list(Capability)), max_size=3),
    shares=st.booleans(),
    network=st.booleans(),
    commercial=st.sampled_from([None, True, False]),
    purposes=st.frozensets(st.sampled_from(["research", "military", "evaluation", "moon"]), max_size=2),
)
KINDS = st.sampled_from(["", *(f"{kind}:" for kind in WorkKind)])
TEXTS = st.builds(
    lambda kind, names, word: kind + f" {word} ".join(names),
    KINDS,
    st.lists(st.sampled_from([*NAMES, "no-such-licence"]), min_size=1, max_size=3),
    st.sampled_from(["AND", "OR"]),
)
WORKS = st.lists(TEXTS | st.text(max_size=40), min_size=0, max_size=4)
PLAIN = st.lists(st.sampled_from(MODELS), min_size=1, max_size=3)


@given(WORKS, USES, JOININGS)
def test_every_question_has_an_answer_that_fits_together(
    works: list[str], use: Use, joining: Joining
) -> None:
    answer = weigh_together(works, use, joining)
    assert answer.reasons
    assert bool(answer.duties) == (answer.verdict is Answer.DUTIES)
    assert answer.outbound == tuple(sorted(answer.outbound))
    if answer.verdict is Answer.REFUSED:
        assert answer.outbound == ()
        assert answer.clauses
    worst = max((reason.answer for reason in answer.reasons), key=RANK.index)
    assert worst is (Answer.ALLOWED if answer.allowed else answer.verdict)


@given(WORKS, USES, JOININGS, st.randoms(use_true_random=False))
def test_the_order_of_works_does_not_matter(works: list[str], use: Use, joining: Joining, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(works, len(works))
    one, other = weigh_together(works, use, joining), weigh_together(shuffled, use, joining)
    assert (one.verdict, one.outbound) == (other.verdict, other.outbound)
    assert set(one.duties) == set(other.duties)


@given(PLAIN, USES, JOININGS)
def test_combined_duties_contain_those_of_each_part(works: list[str], use: Use, joining: Joining) -> None:
    together = weigh_together(works, use, joining)
    for work in works:
        alone = weigh_together([work], use, joining)
        if together.allowed:
            assert set(alone.duties) <= set(together.duties)


@given(PLAIN, st.sampled_from(MODELS), USES, JOININGS)
def test_another_work_never_allows_more(works: list[str], more: str, use: Use, joining: Joining) -> None:
    before, after = weigh_together(works, use, joining), weigh_together([*works, more], use, joining)
    assert RANK.index(after.verdict) >= RANK.index(before.verdict)
    if before.verdict is not Answer.REFUSED:
        assert set(after.outbound) <= {*before.outbound, more}


@given(PLAIN, USES, JOININGS)
def test_the_same_work_twice_is_the_same_work(works: list[str], use: Use, joining: Joining) -> None:
    once, twice = weigh_together(works, use, joining), weigh_together([*works, *works], use, joining)
    assert (once.verdict, once.outbound, once.duties) == (twice.verdict, twice.outbound, twice.duties)


@given(PLAIN, USES)
def test_the_result_may_carry_only_what_every_work_allows(works: list[str], use: Use) -> None:
    for name in weigh_together(works, use, Joining.MERGE).outbound:
        outbound = find_template(name)
        assert outbound is not None
        for work in works:
            inbound = find_template(work)
            assert inbound is not None
            assert may_carry(inbound, outbound)


@given(PLAIN, USES, JOININGS)
def test_non_commercial_use_is_never_refused_where_commercial_use_is_allowed(
    works: list[str], use: Use, joining: Joining
) -> None:
    def ask(commercial: bool) -> Answer:
        asked = Use(
            capabilities=use.capabilities,
            shares=use.shares,
            network=use.network,
            commercial=commercial,
            purposes=use.purposes,
        )
        return weigh_together(works, asked, joining).verdict

    assert RANK.index(ask(False)) <= RANK.index(ask(True))


@given(st.sampled_from(NAMES), st.sampled_from(NAMES), USES, JOININGS)
def test_a_choice_is_never_worse_than_its_best_part(one: str, other: str, use: Use, joining: Joining) -> None:
    choice = weigh_together([f"{one} OR {other}"], use, joining)
    parts = [weigh_together([name], use, joining) for name in (one, other)]
    assert choice.verdict is min((part.verdict for part in parts), key=RANK.index)


@given(st.sampled_from(NAMES), USES, JOININGS)
def test_ones_own_work_binds_nobody(name: str, use: Use, joining: Joining) -> None:
    own = Ingredient(name="mine", license=resolve_license(name), own=True)
    assert weigh_together([own], use, joining).verdict is Answer.ALLOWED
