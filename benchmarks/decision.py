"""How long a licence decision takes, beside two policy engines asked an equivalent question.

    python benchmarks/decision.py [--json] [--rounds 3000]

Each row is the time of one call, measured one by one in CPU time of this process; median and 99th
percentile in microseconds. The engines answer one question ("may acme deploy this model in this window of
time?") and give no reasons, duties or clauses; they are left out when they are not installed. Their policies
are parsed before the clock starts, as are our grants.
"""

import argparse
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from weightmark.encoding import Digest
from weightmark.licensing import Action, Grant, IssuedGrant, Party, Relation, Request, Tier, Work, decide

AT = datetime(2026, 11, 22, tzinfo=UTC)
START, END = AT - timedelta(days=1), AT + timedelta(days=30)
ACME = Party(name="acme.example", commercial=True)
REQUEST = Request(action=Action.DEPLOY, party=ACME, at=AT)

Case = tuple[str, Callable[[], object], object]


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def work(number: int, licence: str) -> Work:
    relation = Relation.PARENT if number else Relation.SELF
    name = f"lab/model-{number}"
    return Work(name=name, subject=digest(number), owner="lab.example", license=licence, relation=relation)


def grants(count: int, *, mine: int, model: int = 0) -> list[IssuedGrant]:
    """Make grants, in no order, of which ``mine`` are acme's for a model; the others are other people's."""
    made = [
        IssuedGrant(
            id=str(digest(number)),
            grant=Grant(
                model=digest(model),
                licensor="lab.example",
                grantee=ACME.name if number < mine else f"party-{number}.example",
                tier=Tier.INFERENCE,
                start=START,
                end=END,
            ),
        )
        for number in range(count)
    ]
    random.Random(count).shuffle(made)
    return made


def own_cases() -> Iterator[Case]:
    """Make our questions; each with the outcome it must have."""
    closed, open_ = [work(0, "cc-by-nc-4.0")], [work(0, "apache-2.0")]
    licences = ["apache-2.0", "mit", "cc-by-4.0", "gpl-3.0", "openrail"]
    lineage = [work(number, licence) for number, licence in enumerate(licences)]
    choice = [work(0, "(mit OR gpl-3.0) AND (apache-2.0 OR cc-by-nc-4.0)")]
    one, ten, busy, many = grants(1, mine=1), grants(10, mine=1), grants(10, mine=10), grants(1000, mine=1)
    crowd = grants(1000, mine=1000)
    worst = sorted(crowd, key=lambda issued: issued.id, reverse=True)
    closed_lineage = [work(number, "cc-by-nc-4.0") for number in range(5)]
    for_each = [issued for number in range(5) for issued in grants(1, mine=1, model=number)]
    (sublicence,) = grants(1, mine=1)
    held = replace(sublicence, id=str(digest(1)), grant=replace(sublicence.grant, tier=Tier.FULL))
    chain = [replace(sublicence, grant=replace(sublicence.grant, licensor=ACME.name), under=(held,))]
    yield "licence allows", lambda: decide(REQUEST, open_).outcome, "allowed"
    yield "licence refuses, clause and way out", lambda: decide(REQUEST, closed).outcome, "refused"
    yield "1 grant", lambda: decide(REQUEST, closed, one).outcome, "allowed"
    yield "10 grants, 1 of them acme's", lambda: decide(REQUEST, closed, ten).outcome, "allowed"
    yield "10 grants, all acme's", lambda: decide(REQUEST, closed, busy).outcome, "allowed"
    yield "1,000 grants, 1 of them acme's", lambda: decide(REQUEST, closed, many).outcome, "allowed"
    yield "1,000 grants, all acme's", lambda: decide(REQUEST, closed, crowd).outcome, "allowed"
    yield (
        "1,000 grants, all acme's, the worst order",
        lambda: decide(REQUEST, closed, worst).outcome,
        "allowed",
    )
    yield "1 sublicence", lambda: decide(REQUEST, closed, chain).outcome, "allowed"
    yield "1 grant, with all sentences", lambda: bool(decide(REQUEST, closed, one).to_json()), True
    yield (
        "lineage of 5 works, a grant for each",
        lambda: decide(REQUEST, closed_lineage, for_each).outcome,
        "allowed",
    )
    yield "lineage of 5 works", lambda: decide(REQUEST, lineage).outcome, "allowed"
    yield "expression with AND and OR", lambda: decide(REQUEST, choice).outcome, "allowed"


def cedar_case() -> Case:
    """Ask Cedar whether one grant allows; the policy is parsed once when the library can."""
    import cedarpy

    policy = """
    permit(principal, action == Action::"deploy", resource)
    when { resource.grantee == principal && context.at >= resource.start && context.at < resource.end };
    """
    entities = [
        {"uid": {"type": "Party", "id": ACME.name}, "attrs": {}, "parents": []},
        {
            "uid": {"type": "Model", "id": digest(0)},
            "attrs": {
                "grantee": {"__entity": {"type": "Party", "id": ACME.name}},
                "start": int(START.timestamp()),
                "end": int(END.timestamp()),
            },
            "parents": [],
        },
    ]
    question = {
        "principal": f'Party::"{ACME.name}"',
        "action": 'Action::"deploy"',
        "resource": f'Model::"{digest(0)}"',
        "context": {"at": int(AT.timestamp())},
    }
    policies = cedarpy.PolicySet.from_str(policy)
    known = cedarpy.Entities.from_json_str(json.dumps(entities))
    return "cedarpy, 1 grant", lambda: cedarpy.is_authorized(question, policies, known).allowed, True


def casbin_case() -> Case:
    """Ask Casbin whether one grant allows, as attributes of the request."""
    import casbin

    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub, obj, act, at\n"
        "[policy_definition]\np = sub, obj, act, start, end\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act"
        " && r.at >= int(p.start) && r.at < int(p.end)\n"
    )
    enforcer = casbin.Enforcer(model)
    enforcer.add_function("int", int)
    start, end = str(int(START.timestamp())), str(int(END.timestamp()))
    enforcer.add_policy(ACME.name, digest(0), "deploy", start, end)
    at = int(AT.timestamp())
    return "pycasbin, 1 grant", lambda: enforcer.enforce(ACME.name, digest(0), "deploy", at), True


def peer_cases() -> Iterator[Case]:
    """Make the questions to the engines that are installed."""
    for module, make in (("cedarpy", cedar_case), ("casbin", casbin_case)):
        if importlib.util.find_spec(module) is not None:
            yield make()


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Time one case call by call.

    Raises:
        AssertionError: the answer is not the expected one.
    """
    name, call, expected = case
    assert call() == expected, name
    for _ in range(rounds // 10):
        call()
    clock = time.process_time_ns
    times: list[float] = []
    for _ in range(rounds):
        start = clock()
        call()
        times.append((clock() - start) / 1000)
    times.sort()
    return {
        "case": name,
        "median_us": round(statistics.median(times), 1),
        "p99_us": round(times[int(rounds * 0.99)], 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3000)
    options = parser.parse_args()
    rows = [measure(case, options.rounds) for case in (*own_cases(), *peer_cases())]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'case':<40} {'median us':>10} {'p99 us':>10}")
    for row in rows:
        print(f"{row['case']:<40} {row['median_us']:>10} {row['p99_us']:>10}")


if __name__ == "__main__":
    main()
