"""Terms of one's own: every contradiction is named, and what is built can be read again."""

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.workshop import Shell

from weightmark.encoding import Digest, decode
from weightmark.errors import MalformedError
from weightmark.licensing import (
    TEMPLATES,
    Action,
    Capability,
    Draft,
    Duty,
    Party,
    Request,
    Terms,
    Tier,
    UseRestriction,
    Work,
    build_terms,
    decide,
    find_contradictions,
    from_odrl,
    read_terms,
)
from weightmark.licensing.building import Bound, check_terms, draft_from
from weightmark.licensing.drafting import parse_bound, parse_capabilities, parse_sharing, read_draft
from weightmark.licensing.sharing import Reach, ShareAlike

START = datetime(2027, 1, 1, tzinfo=UTC)
INFER = frozenset({Capability.INFER})
GOOD = Draft(id="acme", allow=INFER)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    home = tmp_path / "home"
    env = {"HOME": str(home), "WEIGHTMARK_HOME": str(home / "weightmark"), "WEIGHTMARK_PARTY": "acme"}
    return Shell(folder=folder, env=env)


CONTRADICTORY = [
    ({"allow": INFER, "forbid": INFER}, "infer is allowed and forbidden at once"),
    ({"start": START, "end": START}, "is not after the start"),
    ({"end": START.replace(tzinfo=None)}, "has no zone"),
    ({"allow": frozenset({Capability.RESELL}), "commercial": False}, "commercial use is forbidden"),
    ({"bounds": (Bound(name="calls", unit="x", limit=-1),)}, "limit of 'calls' is negative"),
    ({"bounds": (Bound(name="calls", unit="x", limit=1, overage=-2),)}, "overage of 'calls' is negative"),
    ({"bounds": (Bound(name="", unit="x", limit=1),)}, "does not say what it counts"),
    ({"bounds": (Bound(name="a", unit="x", limit=1),) * 2}, "limit 'a' is there twice"),
    (
        {"tier": Tier.FINE_TUNE, "forbid": frozenset({Capability.DOWNLOAD_WEIGHTS})},
        "the tier fine-tune needs download-weights",
    ),
    (
        {"allow": frozenset({Capability.MERGE}), "forbid": frozenset({Capability.DOWNLOAD_WEIGHTS})},
        "merge is allowed, and needs download-weights",
    ),
    ({"allow": frozenset()}, "allows nothing"),
    ({"id": "two words"}, "letters, digits, dots and hyphens"),
    ({"seats": 0}, "there are 0 seats"),
    ({"seats": -3}, "there are -3 seats"),
    ({"grace_days": 3}, "no end"),
    ({"grace_days": -3, "end": START}, "grace of -3 days"),
    ({"renewal": "auto"}, "has no end"),
    ({"renewal": "maybe", "end": START}, "neither 'auto' nor empty"),
    ({"territory": ("Germany",)}, "no country of two capital letters"),
    ({"territory": ("DE", "DE")}, "country 'DE' is there twice"),
    (
        {
            "purposes": frozenset({"military"}),
            "use_restrictions": (UseRestriction(id="military", sentence="No.", clause=""),),
        },
        "'military' is the only one and forbidden at once",
    ),
    (
        {
            "forbid": frozenset({Capability.FINE_TUNE, Capability.MERGE, Capability.DISTILL}),
            "share_alike": ShareAlike(reach=Reach.DERIVATIVE, clause=""),
        },
        "deriving is forbidden",
    ),
    ({"duties": (Duty(id="pay", sentence="Pay.", clause=""),) * 2}, "duty 'pay' is there twice"),
]


@pytest.mark.parametrize(("changes", "says"), CONTRADICTORY)
def test_each_contradiction_is_named(changes, says):
    draft = replace(GOOD, **changes)
    assert len(find_contradictions(draft)) == 1
    with pytest.raises(MalformedError, match=re.escape(says)):
        build_terms(draft)


def test_all_contradictions_are_named_at_once():
    draft = replace(GOOD, forbid=INFER, seats=0, grace_days=2, territory=("x",))
    assert len(find_contradictions(draft)) == 4
    with pytest.raises(
        MalformedError, match=r"at once; .*grace.*; there are 0 seats; the territory"
    ) as caught:
        build_terms(draft)
    assert caught.value.hint


def test_the_clauses_name_the_sections_of_the_text():
    duty = Duty(id="attribution", sentence="Name us.", clause="")
    terms = build_terms(replace(GOOD, forbid=frozenset({Capability.RESELL}), duties=(duty,)))
    assert terms.id == "LicenseRef-acme"
    assert terms.clause("infer") == "acme section 1"
    assert terms.clause("resell") == "acme section 2"
    assert terms.clause("commercial") == "acme section 3"
    assert terms.duties[0].clause == "acme section 4"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda terms: terms.id)
def test_every_template_can_be_started_from(template):
    if not template.permissions:
        assert "it allows nothing" in find_contradictions(draft_from(template, "ours"))
        return
    built = build_terms(draft_from(template, "ours"))
    assert (built.permissions, built.prohibitions) == (template.permissions, template.prohibitions)
    assert [duty.id for duty in built.duties] == [duty.id for duty in template.duties]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda terms: terms.id)
def test_no_template_contradicts_itself(template):
    check_terms(template)


def test_terms_that_contradict_themselves_are_not_set(shell):
    model = shell.folder / "model"
    model.mkdir()
    (model / "model.bin").write_bytes(b"x")
    shell.run("register", model, "--mine")
    for said, complaint in (
        ({"permissions": ["infer"], "prohibitions": ["infer"]}, "infer is allowed and forbidden at once"),
        ({"end": "2027-01-01T00:00:00Z", "start": "2027-02-01T00:00:00Z"}, "is not after the start"),
        ({"graceDays": 5}, "there are days of grace after the end, and no end"),
        ({"seats": -1}, "at least 0, not the number -1"),
    ):
        (shell.folder / "bad.json").write_text(json.dumps({"id": "x", "commercial": True, **said}))
        stderr = shell.fail("license", "set", model, "LicenseRef-x", "--terms", "bad.json", code=1)
        assert complaint in stderr
        assert "bad.json" in stderr


def test_a_draft_is_read_from_the_json_of_terms_and_may_leave_clauses_out():
    value = {
        "id": "ours",
        "permissions": ["infer"],
        "seats": -1,
        "bounds": [{"name": "calls", "limit": -5}],
        "duties": [{"id": "pay", "sentence": "Pay."}],
        "shareAlike": {"reach": "file"},
        "start": "2027-02-01T00:00:00Z",
        "end": "2027-01-01T00:00:00Z",
    }
    assert len(find_contradictions(read_draft(value))) == 3
    for bad in ({"seats": "x"}, {"fly": 1}, {"duties": 1}, {"permissions": ["fly"]}):
        with pytest.raises(MalformedError):
            read_draft({**value, **bad})
    with pytest.raises(MalformedError):
        read_draft([])


def test_words_are_read():
    assert parse_capabilities("infer, Fine-Tune") == {Capability.INFER, Capability.FINE_TUNE}
    assert parse_capabilities("inference") == Tier.INFERENCE.capabilities
    assert parse_bound("calls:5") == Bound(name="calls", unit="calls", limit=5)
    assert parse_sharing("file:MPL-2.0, GPL-3.0-only").outbound == ("MPL-2.0", "GPL-3.0-only")
    for read, text in ((parse_capabilities, "fly"), (parse_bound, "calls:x"), (parse_sharing, "all")):
        with pytest.raises(ValueError, match=r"fly|calls|all"):
            read(text)


def test_grace_purposes_and_organisations_of_terms_decide():
    terms = build_terms(
        replace(
            GOOD,
            end=START,
            grace_days=2,
            purposes=frozenset({"research"}),
            organisations=("acme.example",),
        )
    )
    work = Work(name="m", subject=Digest("sha256:" + "a" * 64), owner="lab", terms=terms)

    def ask(at, *, party="acme.example", purpose="research"):
        who = Party(name=party, commercial=False)
        return decide(Request(action=Action.INFER, party=who, at=at, purpose=purpose), [work])

    day = START.replace
    assert ask(day(year=2026)).code == "permitted-by-licence"
    assert (ask(START).code, ask(START).duties[-1].id) == ("grace", "renew")
    assert ask(START).until == day(day=3)
    assert ask(day(day=3)).code == "licence-expired"
    assert ask(day(year=2026), purpose="").code == "purpose-not-granted"
    assert ask(day(year=2026), party="other").code == "not-permitted"


def test_the_command_writes_three_files_that_say_the_same(shell):
    flags = ["--allow", "infer,embed", "--forbid", "resell", "--no-commercial", "--duty", "attribution"]
    flags += [
        "--duty",
        "pay=Pay what the order says.",
        "--not-for",
        "military",
        "--condition",
        "age=You are 18.",
    ]
    flags += ["--territory", "DE", "--territory", "FR", "--seats", "5", "--start", "2027-01-01"]
    flags += ["--end", "2028-01-01", "--grace", "14", "--renewal", "auto", "--bound", "calls:100:requests:5"]
    flags += [
        "--purpose",
        "research",
        "--organisation",
        "acme.example",
        "--price",
        "order 7",
        "--law",
        "Germany",
    ]
    flags += [
        "--warranty",
        "as is",
        "--share-alike",
        "derivative:GPL-3.0-only",
        "--title",
        "Ours",
        "--out",
        "new",
    ]
    answer = shell.json("license", "build", "--name", "ours", *flags)
    folder = shell.folder / "new"
    terms = Terms.from_json(decode((folder / "terms.json").read_bytes(), what="it"))
    assert terms.to_json() == answer["terms"]
    assert read_terms((folder / "terms.md").read_text(encoding="utf-8")) == terms
    assert from_odrl(decode((folder / "terms.odrl.json").read_bytes(), what="it")) == terms
    assert (terms.seats, terms.grace_days, terms.renewal, terms.law) == (5, 14, "auto", "Germany")
    assert "are there already" in shell.fail("license", "build", "--name", "ours", *flags, code=1)
    shell.run("license", "build", "--name", "ours", *flags, "--force")


def test_the_command_starts_from_a_file_and_from_a_template(shell):
    shell.run("license", "build", "--name", "a", "--template", "per-seat", "--seats", "20", "--out", "a")
    answer = shell.json(
        "license", "build", "--from", "a/terms.json", "--name", "b", "--price", "7", "--out", "b"
    )
    assert (answer["terms"]["id"], answer["terms"]["seats"]) == ("LicenseRef-b", 20)
    assert answer["odrl"]["@type"] == "Set"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 1, "no name"),
        (["--name", "x", "--template", "nonsense"], 1, "no template"),
        (["--name", "x", "--allow", "infer", "--forbid", "infer"], 1, "at once"),
        (["--name", "x", "--allow", "fly"], 2, "no action, capability or tier"),
        (["--name", "x", "--bound", "calls"], 2, "is no limit"),
        (["--name", "x", "--duty", "dance"], 2, "has no sentence"),
        (["--name", "x", "--share-alike", "all"], 2, "is not one of"),
        (["--name", "x", "--allow", "infer", "--target", "my model"], 2, "no absolute IRI"),
        (["--name", "x", "--allow", "infer", "--assignee", "urn:x:buyer"], 2, "needs --assigner"),
    ],
)
def test_the_command_says_what_is_wrong(shell, arguments, code, says):
    assert says in shell.run("license", "build", *arguments, code=code).stderr


def test_the_command_shows_templates_and_what_is_known_by_name(shell):
    listed = shell.json("license", "templates")
    assert len(listed["templates"]) == len(TEMPLATES)
    assert "gfdl" in listed["named"]
    assert read_terms(shell.run("license", "show", "mit", "--text").stdout).id == "MIT"
    assert '"@type": "Set"' in shell.run("license", "show", "mit", "--odrl").stdout
    assert "license_name" in shell.run("license", "show", "other").stdout
    assert shell.json("license", "show", "gfdl")["terms"] is None


def test_the_command_says_all_that_terms_may_say(shell):
    flags = ["--url", "https://ours.example/", "--covers", "weights", "--covers", "outputs", "--tier", "full"]
    built = shell.json(
        "license", "build", "--name", "ours", *flags, "--share-alike", "derivative", "--network"
    )
    assert built["terms"]["covers"] == ["outputs", "weights"]
    assert built["terms"]["url"] == "https://ours.example/"
    assert built["terms"]["shareAlike"]["network"] is True


def test_what_is_said_wins_over_the_template(shell):
    wider = ["--template", "per-seat", "--allow", "fine-tune", "--forbid", "embed"]
    terms = shell.json("license", "build", "--name", "ours", *wider)["terms"]
    assert {"fine-tune", "infer"} <= set(terms["permissions"])
    assert "fine-tune" not in terms["prohibitions"]
    assert "embed" in terms["prohibitions"]
    assert "embed" not in terms["permissions"]
    full = shell.json(
        "license", "build", "--name", "all", "--template", "per-seat", "--tier", "full", "--force"
    )
    assert "prohibitions" not in full["terms"]


def answered(tmp_path, *answers):
    """Build at a terminal with these answers; give the terms and what was asked and said."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "WEIGHTMARK_HOME": str(tmp_path / "home"), "TERM": "dumb"}
    command = [sys.executable, "-m", "weightmark", "license", "build", "--out", str(tmp_path / "made")]
    with subprocess.Popen(
        command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as asked:
        os.close(follower)
        os.write(leader, "".join(f"{answer}\n" for answer in answers).encode())
        _, errors = asked.communicate(timeout=60)
    os.close(leader)
    assert asked.returncode == 0, errors
    made = (tmp_path / "made" / "terms.json").read_bytes()
    return Terms.from_json(decode(made, what="it")), errors.decode()


def test_the_command_asks_at_a_terminal(tmp_path):
    answers = [
        "ours",
        "",
        "Our terms",
        "infer",
        "resell",
        "n",
        "",
        "military",
        "y",
        "",
        "2027-12-31",
        "5",
        "n",
    ]
    answers += [
        "y",
        "3",
        "acme.example",
        "research, teaching",
        "DE",
        "y",
        "calls:5",
        "order 7",
        "y",
        "",
        "Germany",
    ]
    terms, _ = answered(tmp_path, *answers)
    assert (terms.id, terms.title, terms.seats, terms.grace_days) == ("LicenseRef-ours", "Our terms", 3, 5)
    assert (terms.permissions, terms.prohibitions) == (INFER, {Capability.RESELL})
    assert (terms.commercial, terms.law, terms.price) == (False, "Germany", "order 7")
    assert (terms.organisations, terms.territory) == (("acme.example",), ("DE",))
    assert terms.purposes == {"research", "teaching"}
    assert terms.end == datetime(2027, 12, 31, tzinfo=UTC)
    assert [point.id for point in (*terms.duties, *terms.use_restrictions)] == ["attribution", "military"]
    assert [(bound.name, bound.limit) for bound in terms.bounds] == [("calls", 5)]


def test_an_answer_that_is_not_understood_and_answers_that_collide_are_asked_again(tmp_path):
    first = ["ours", "nonsense", "", "", "fly", "infer", "infer", "y", "dance", "none", "", "y"]
    first += [
        "soon",
        "2027-02-01",
        "2027-01-01",
        "x",
        "-4",
        "n",
        "y",
        "many",
        "-3",
        "",
        "",
        "Germany",
        "y",
        "calls",
    ]
    first += ["calls:-5", "", "n"]
    again = [
        "",
        "",
        "",
        "none",
        "",
        "",
        "",
        "",
        "",
        "2028-01-01",
        "4",
        "",
        "",
        "5",
        "",
        "",
        "DE",
        "",
        "calls:5",
        "",
    ]
    terms, said = answered(tmp_path, *first, *again, "")
    for complaint in (
        "no template 'nonsense'",
        "'fly' is no action, capability or tier",
        "'dance' has no sentence",
        "not a UTC time",
        "'calls' is no limit",
        "infer is allowed and forbidden at once",
        "is not after the start",
        "the grace of -4 days",
        "there are -3 seats",
        "the limit of 'calls' is negative",
        "no country of two capital letters",
    ):
        assert complaint in said
    assert (terms.seats, terms.grace_days, terms.territory) == (5, 4, ("DE",))


def test_the_answers_begin_with_the_template(tmp_path):
    terms, said = answered(tmp_path, "ours", "academic", *[""] * 20)
    assert terms.purposes == {"research", "teaching"}
    assert [duty.id for duty in terms.duties] == ["cite", "confidentiality", "proof-of-status"]
    assert terms.duties[0].sentence == "Cite the model in publications that rest on it."
    assert "[cite, confidentiality, proof-of-status]" in said


def test_the_page_names_every_contradiction():
    page = (Path(__file__).parents[3] / "docs/reference/licences.md").read_text(encoding="utf-8")
    listed = page.partition("| it says | when |")[2].partition("\n\n")[0]
    phrases = [row.split("|")[1].strip() for row in listed.splitlines()[2:]]
    patterns = [re.compile(re.sub(r"`[^`]+`", ".*", re.sub(r"[()]", ".", phrase))) for phrase in phrases]
    found = [
        phrase for changes, _ in CONTRADICTORY for phrase in find_contradictions(replace(GOOD, **changes))
    ]
    for phrase in found:
        assert any(pattern.fullmatch(phrase) for pattern in patterns), phrase
    for pattern in patterns:
        assert any(pattern.fullmatch(phrase) for phrase in found), pattern
