"""A slow reference of deciding, written from docs/reference/reasons.md, one plain sentence after the other.

    python -m tests.reference_licensing [COUNT] [SEED]

It reads the values of terms, grants and requests, and nothing that decides.
"""

import sys
import time
from datetime import timedelta
from itertools import islice

from tests.licensing_cases import Maker

from weightmark.licensing import decide, find_template

# ---- the reference

NOTHING_WRONG = "holds"
FROM_BEST_TO_WORST = [
    *("holds", "owes", "grace", "usage-unknown", "quota-exceeded", "grant-no-seat", "purpose-not-granted"),
    *("grant-not-yet-valid", "grant-parent-invalid", "grant-suspended", "grant-pending", "grant-expired"),
    *("grant-revoked", "grant-non-commercial", "grant-too-narrow", "grant-not-from-owner"),
]
NEVER_MEANT = {"grant-non-commercial", "grant-too-narrow", "grant-not-from-owner"}
CODES = {"holds": "granted", "owes": "granted"}
GATES = {"promote": "infer", "deploy": "infer", "load": "infer", "push": "redistribute"}
DERIVING = {"fine-tune", "merge", "distill"}


def reference(request, works, grants):
    """Give outcome, code, grant and until; works are pairs of a work and the tree of its licence."""
    if not works:
        return "undecided", "not-registered", None, None
    if request.action.value in {"log", "register"}:
        return "allowed", "recorded", None, None
    answers = [answer_for_work(request, work, tree, grants) for work, tree in works]
    until = first_of(answer[3] for answer in answers)
    for outcome in ("refused", "undecided"):
        for answer in answers:
            if answer[0] == outcome:
                return (*answer[:3], until)
    for code in ("grace", "granted", "permitted-by-licence", "owner"):
        for answer in answers:
            if answer[1] == code:
                return (*answer[:3], until)
    raise AssertionError(answers)


def answer_for_work(request, work, tree, grants):  # noqa: C901
    party = request.party.name
    if party and party == work.owner and not work.presumed:
        return "allowed", "owner", None, None
    standing, moments = [], []
    for edition in grants:
        if edition.grant.grantee != party or edition.grant.model not in (work.subject, work.weights):
            continue
        word, changes = look_at_edition(edition, work, request, depth=0)
        moments += [(edition.id, change) for change in changes if change > request.at]
        if word is not None:
            standing.append((FROM_BEST_TO_WORST.index(word), edition.id))
    word, grant = None, None
    if standing:
        place, grant = min(standing)
        word = FROM_BEST_TO_WORST[place]
    if word == "holds":
        return "allowed", "granted", grant, first_of(moment for id_, moment in moments if id_ <= grant)
    outcome, code, change = (
        answer_of_terms(request, work.terms, work)
        if work.terms is not None
        else answer_of_tree(request, tree, work)
    )
    until = first_of([change, *(moment for _, moment in moments)])
    if outcome == "allowed" or word is None:
        return outcome, code, None, until
    if word in {"owes", "grace"}:
        return "allowed", CODES.get(word, word), grant, until
    if word == "usage-unknown":
        return "undecided", word, grant, until
    if word in NEVER_MEANT:
        return outcome, code, None, until
    return outcome, word if outcome == "refused" else code, grant, until


def look_at_edition(edition, work, request, depth):  # noqa: C901, PLR0912
    """Say how an edition stands, None when it is of another time, and when that may change."""
    at, grant = request.at, edition.grant
    if edition.until is not None and at >= edition.until:
        return None, []
    if edition.since is not None and at < edition.since:
        return None, [edition.since]
    changes = [edition.until] if edition.until is not None else []
    sublicence = grant.parent != "" or edition.under != ()
    if not sublicence and grant.licensor not in {work.owner, *work.licensors}:
        return "grant-not-from-owner", changes
    if not covers(grant, need_of(request)):
        return "grant-too-narrow", changes
    if uses_a_right(request) and request.party.commercial and not grant.commercial:
        return "grant-non-commercial", changes
    if edition.revoked_at is not None and at >= edition.revoked_at:
        return "grant-revoked", changes
    if edition.revoked_at is not None:
        changes.append(edition.revoked_at)
    wrong = [NOTHING_WRONG]
    last = None if grant.end is None else grant.end + timedelta(days=grant.grace_days)
    if at < grant.start:
        wrong.append("grant-not-yet-valid")
        changes.append(grant.start)
    elif grant.end is not None and at < grant.end:
        changes.append(grant.end)
    elif last is not None and at < last:
        wrong.append("grace")
        changes.append(last)
    elif last is not None:
        return "grant-expired", changes
    if edition.state == "pending":
        wrong.append("grant-pending")
    if edition.state == "suspended":
        wrong.append("grant-suspended")
    if sublicence:
        word, more = look_above(edition, work, request, depth)
        wrong.append(word)
        changes += more
    if uses_a_right(request):
        if grant.purposes and request.purpose not in grant.purposes:
            wrong.append("purpose-not-granted")
        if grant.seats is not None and request.seat not in edition.holders:
            wrong.append("grant-no-seat")
        wrong.append(count_grant(edition, request))
    return max(wrong, key=FROM_BEST_TO_WORST.index), changes


def look_above(edition, work, request, depth):
    words, changes = ["grant-parent-invalid"], []
    if depth == 8:
        return "grant-parent-invalid", []
    for above in edition.under:
        if (
            edition.grant.parent in {"", above.id}
            and above.grant.grantee == edition.grant.licensor
            and above.grant.model in (work.subject, work.weights)
            and covers(above.grant, "sublicense")
        ):
            word, more = look_at_edition(above, work, request, depth + 1)
            changes += more
            if word in {"holds", "owes", "grace"}:
                words.append("holds")
            if word == "usage-unknown":
                words.append("usage-unknown")
    return min(words, key=FROM_BEST_TO_WORST.index), changes


def count_grant(edition, request):
    grant = edition.grant
    usage = request.usage if edition.used is None else edition.used
    if not grant.bounds:
        return "holds"
    if usage is None:
        if grant.fail_mode == "open-and-log":
            return "owes"
        left = grant.degrade_to.capabilities if grant.fail_mode == "degrade" else ()
        return "holds" if need_of(request) in left else "usage-unknown"
    words = [count_bound(bound, usage, request.amount) for bound in grant.bounds]
    return max(words, key=FROM_BEST_TO_WORST.index)


def count_bound(bound, usage, amount):
    after = usage.get(bound.name, 0) + amount.get(bound.name, 1)
    if after > bound.limit + bound.overage:
        return "quota-exceeded"
    return "owes" if after > bound.limit else "holds"


def covers(grant, need):
    return need in grant.capabilities or (grant.tier is not None and need in grant.tier.capabilities)


def need_of(request):
    return GATES.get(request.action.value, request.action.value)


def uses_a_right(request):
    return need_of(request) not in {"view-metadata", "view-architecture"}


def answer_of_tree(request, tree, work):
    if tree is None:
        return "undecided", "no-licence", None
    if len(tree) == 1:
        terms = find_template(tree[0])
        if terms is None:
            return "undecided", "unknown-licence", None
        return answer_of_terms(request, terms, work)
    answers = [answer_of_tree(request, part, work) for part in tree[1:]]
    order = ["refused", "undecided", "allowed"] if tree[0] == "AND" else ["allowed", "undecided", "refused"]
    return min(answers, key=lambda answer: order.index(answer[0]))


def answer_of_terms(request, terms, work):  # noqa: C901, PLR0912
    at, need = request.at, need_of(request)
    last = None if terms.end is None else terms.end + timedelta(days=terms.grace_days)
    later = [moment for moment in (terms.start, terms.end, last) if moment is not None and moment > at]
    until = first_of(later)
    codes = []
    if terms.start is not None and at < terms.start:
        codes.append("licence-not-yet-valid")
    if last is not None and at >= last:
        codes.append("licence-expired")
    allowed = need in terms.permissions and need not in terms.prohibitions
    if not allowed and need in DERIVING:
        codes.append("no-derivatives")
    elif not allowed:
        codes.append("prohibited" if need in terms.prohibitions else "not-permitted")
    private = any(duty.id == "keep-adaptations-private" for duty in terms.duties)
    if private and work.relation == "parent" and need in {"redistribute", "sublicense", "resell"}:
        codes.append("no-derivatives")
    if uses_a_right(request):
        if allowed and request.party.commercial and not terms.commercial:
            codes.append("non-commercial")
        if terms.purposes and request.purpose not in terms.purposes:
            codes.append("purpose-not-granted")
        if terms.organisations and request.party.name not in terms.organisations:
            codes.append("not-permitted")
        purposes = {request.purpose}
        if request.action.value in {"promote", "deploy"}:
            purposes.add("production")
        codes += ["use-restricted" for restriction in terms.use_restrictions if restriction.id in purposes]
        if terms.bounds and request.usage is None:
            codes.append("usage-unknown")
        elif terms.bounds:
            counted = [count_bound(bound, request.usage, request.amount) for bound in terms.bounds]
            codes += ["quota-exceeded" for word in counted if word == "quota-exceeded"]
    if codes == ["usage-unknown"]:
        return "undecided", "usage-unknown", until
    if codes:
        return "refused", codes[0], until
    ended = terms.end is not None and at >= terms.end
    return "allowed", "grace" if ended else "permitted-by-licence", until


def first_of(moments):
    return min((moment for moment in moments if moment is not None), default=None)


# ---- asking both

EVERY_CASE = 100_000


def compare(count: int, seed: int) -> dict[str, int]:
    """Ask both about many cases.

    Returns:
        How often each code decided.

    Raises:
        AssertionError: they differ; the message holds the case.
    """
    seen: dict[str, int] = {}
    for number, (request, works, grants) in enumerate(islice(Maker(seed).cases(), count)):
        decision = decide(request, [work for work, _ in works], grants)
        found = (decision.outcome.value, decision.code.value, decision.grant, decision.until)
        expected = reference(request, works, grants)
        if found != expected:
            case = f"{request}\n{works}\n{grants}"
            raise AssertionError(f"case {number} of seed {seed}: {found} is not {expected}\n{case}")
        seen[expected[1]] = seen.get(expected[1], 0) + 1
    return seen


def main() -> None:
    """Compare, and say how often each code came up."""
    say = sys.stdout.write
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVERY_CASE
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    start = time.process_time()
    seen = compare(count, seed)
    say(f"{count} cases of seed {seed} are equal, in {time.process_time() - start:.1f} s\n")
    for code, times in sorted(seen.items(), key=lambda item: -item[1]):
        say(f"{times:>8}  {code}\n")


if __name__ == "__main__":
    main()
