"""At least five verdicts for every template, each with its clause, written by hand against the texts.

A case reads ``action[/nc][@purpose] code place``: what a commercial party asks (``/nc``: one that is not),
the reason's code, and the place in the licence that the answer must cite, without the licence's name.
"""

from datetime import UTC, datetime

import pytest

from weightmark.encoding import Digest
from weightmark.licensing import (
    TEMPLATES,
    Action,
    Decision,
    Outcome,
    Party,
    Request,
    Work,
    decide,
    find_template,
)

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SUBJECT = Digest("sha256:" + "a" * 64)
CODES = {
    "ok": "permitted-by-licence",
    "no": "not-permitted",
    "ban": "prohibited",
    "nd": "no-derivatives",
    "nc": "non-commercial",
    "use": "use-restricted",
    "why": "purpose-not-granted",
}

MIT = "first paragraph (permission)"
APACHE = """
    deploy ok section 2 | push ok sections 2 and 4 | resell ok sections 2 and 4 | sublicense ok section 2
    | fine-tune ok section 2 | distill/nc ok section 2
"""


def alike(place: str, *, sublicense: str) -> str:
    return (
        f"deploy ok {place} | push ok {place} | resell ok {place} | fine-tune/nc ok {place}"
        f" | sublicense {sublicense} {place}"
    )


BSD = alike("opening sentence (permission)", sublicense="no")
ISC = alike("permission paragraph", sublicense="no")
GPL_2 = """
    deploy ok section 0 | download-weights ok section 1 | fine-tune ok section 2 | push ok sections 1, 2 and 3
    | resell ok section 1 | sublicense ban section 4
"""
LGPL_2 = """
    deploy ok section 0 | fine-tune ok section 2 | push ok sections 1, 2, 4 and 6 | resell ok section 1
    | sublicense ban section 8
"""
GPL_3 = """
    deploy ok section 2 | fine-tune ok sections 2 and 5 | push ok sections 4, 5 and 6 | resell ok section 4
    | sublicense ban section 2
"""
LGPL_3 = """
    deploy ok opening sentence (with GPL-3.0 section 2) | resell ok opening sentence (with GPL-3.0 section 4)
    | fine-tune ok section 2 (with GPL-3.0 sections 2 and 5)
    | push ok sections 2, 3 and 4 (with GPL-3.0 sections 4, 5 and 6)
    | sublicense ban opening sentence (with GPL-3.0 section 2)
"""
CC_FREE = """
    deploy ok section 2(a)(1)(A) | push ok section 2(a)(1)(A) | resell ok section 2(a)(1)(A)
    | fine-tune ok section 2(a)(1)(B) | sublicense ban section 2(a)(1)
"""
CC_ND = """
    deploy ok section 2(a)(1)(A) | push ok section 2(a)(1)(A) | resell ok section 2(a)(1)(A)
    | fine-tune ok section 2(a)(1)(B) | merge/nc ok section 2(a)(1)(B) | sublicense ban section 2(a)(1)
"""


def cc_nc(paragraph: str) -> str:
    return f"""
        deploy nc section 2(a)(1) | deploy/nc ok section 2(a)(1)(A) | push/nc ok section 2(a)(1)(A)
        | push nc section 2(a)(1) | resell/nc ban sections 1({paragraph}) and 2(a)(1)
        | fine-tune/nc ok section 2(a)(1)(B) | view-metadata ok section 2(a)(1)(A)
    """


def rail(attachment: str) -> str:
    return f"""
        deploy ok paragraphs 2 and 5 | push ok paragraphs 2 and 4 | distill ok paragraphs 1 and 2
        | sublicense ok paragraph 2 | resell ok paragraphs 2, 3 and 4
        | deploy@translation ok paragraphs 2 and 5
        | deploy@medical-advice use {attachment}
    """


def llama(*, distill: str) -> str:
    return f"""
        deploy ok section 1.a | fine-tune ok section 1.a | push ok sections 1.a and 1.b
        | sublicense no section 1.a (non-transferable) | resell ok sections 1.a and 2 | distill {distill}
    """


POLICY = " | deploy@weapons use Acceptable Use Policy 2.b | deploy@fraud/nc use Acceptable Use Policy 3.a"
CLOSED = "nd section 1.b.v"
OPEN = "ok section 1.b.i"
READER = """
    deploy ok section 1 | embed ok section 1 | push ban section 2 | fine-tune nd section 2
    | resell ban section 2
    | sublicense ban section 2
"""
TUNER = """
    deploy ok section 1 | fine-tune ok section 1 | push ban section 2 | resell ban section 2
    | sublicense ban section 2 | distill nd section 2
"""

CASES: dict[str, str] = {
    "MIT": f"""
        deploy ok {MIT} | push ok {MIT} | resell ok {MIT} | sublicense ok {MIT} | fine-tune/nc ok {MIT}
    """,
    "Apache-2.0": APACHE,
    "ECL-2.0": APACHE,
    "BSD-2-Clause": BSD,
    "BSD-3-Clause": BSD,
    "BSD-3-Clause-Clear": BSD,
    "0BSD": alike("only paragraph (permission)", sublicense="no"),
    "ISC": ISC,
    "PostgreSQL": ISC,
    "Zlib": alike("second paragraph (permission)", sublicense="no"),
    "BSL-1.0": alike("first paragraph (permission)", sublicense="no"),
    "WTFPL": alike("section 0", sublicense="no"),
    "NCSA": alike("permission paragraph", sublicense="ok"),
    "CC0-1.0": alike("sections 2 and 3", sublicense="ok"),
    "Unlicense": alike("second paragraph (permission)", sublicense="ok"),
    "PDDL-1.0": alike("section 3", sublicense="ok"),
    "GPL-2.0-only": GPL_2,
    "GPL-2.0-or-later": GPL_2,
    "GPL-3.0-only": GPL_3,
    "GPL-3.0-or-later": GPL_3,
    "AGPL-3.0-only": GPL_3,
    "AGPL-3.0-or-later": GPL_3,
    "LGPL-2.1-only": LGPL_2,
    "LGPL-2.1-or-later": LGPL_2,
    "LGPL-3.0-only": LGPL_3,
    "LGPL-3.0-or-later": LGPL_3,
    "MPL-2.0": """
        deploy ok section 2.1 | push ok sections 2.1, 3.1 and 3.2 | sublicense ok section 3.2(b)
        | merge ok sections 2.1 and 3.3 | resell/nc ok sections 2.1 and 3.2
    """,
    "EPL-2.0": """
        deploy ok section 2(a) | push ok sections 2(a) and 3 | sublicense ok section 2(a)
        | fine-tune ok section 2(a) | resell ok sections 2(a) and 4
    """,
    "MS-PL": """
        deploy ok section 2(A) | push ok sections 2(A) and 3 | sublicense no section 2(A)
        | fine-tune ok section 2(A) | resell ok section 2
    """,
    "CC-BY-4.0": CC_FREE,
    "CC-BY-SA-4.0": CC_FREE,
    "CC-BY-NC-4.0": cc_nc("i"),
    "CC-BY-ND-4.0": CC_ND,
    "CC-BY-NC-SA-4.0": cc_nc("k"),
    "CC-BY-NC-ND-4.0": cc_nc("h"),
    "CDLA-Permissive-2.0": """
        infer ok section 1.1 | fine-tune ok section 1.1 | push ok sections 1.1 and 2.1
        | distill ok section 3.1
        | sublicense no section 1.1
    """,
    "CDLA-Permissive-1.0": """
        infer ok section 2.1(a) | push ok sections 2.1(b) and 3.1 | sublicense ok section 3.1(a)
        | distill ok section 3.4 | resell ok sections 2.1(b) and 3.1
    """,
    "CDLA-Sharing-1.0": """
        infer ok section 2.1(a) | push ok sections 2.1(b) and 3.1 | sublicense ban section 3.3
        | distill ok section 3.5 | fine-tune/nc ok section 2.1(a)
    """,
    "C-UDA-1.0": """
        infer ok section 1.1 | push ok sections 1.1 and 3.1 | distill ok section 2.2
        | sublicense no section 1.1
        | infer@non-computational-use use section 2.1
    """,
    "ODC-By-1.0": """
        infer ok section 3.1 | fine-tune ok section 3.1(b) | push ok sections 3.1(e) and 4.2
        | sublicense ban section 4.4 | resell ok section 3.1
    """,
    "ODbL-1.0": """
        infer ok section 3.1 | fine-tune ok section 3.1(b) | push ok sections 3.1(e) and 4.2
        | sublicense ban section 4.8 | merge ok section 3.1(b) and (c)
    """,
    "etalab-2.0": alike("paragraph on the freedom to reuse", sublicense="no"),
    "LicenseRef-OpenRAIL-M": rail("Attachment A (of one or another sibling)"),
    "LicenseRef-CreativeML-OpenRAIL-M": rail("Attachment A item 10"),
    "LicenseRef-OpenRAIL-PlusPlus-M": rail("Attachment A item 10"),
    "LicenseRef-BigScience-OpenRAIL-M": rail("Attachment A (l)")
    + "| infer@impersonation use Attachment A (g)",
    "LicenseRef-BigScience-BLOOM-RAIL-1.0": rail("Attachment A item 12"),
    "LicenseRef-BigCode-OpenRAIL-M-1.0": """
        deploy ok sections 1(m) and 4 | fine-tune ok sections 1(m) and 2 | push ok sections 2 and 5
        | sublicense ok section 2 | deploy@malware use Attachment A (c)
        | deploy@medical-advice use Attachment A (m)
    """,
    "LicenseRef-Llama-2": llama(distill=CLOSED),
    "LicenseRef-Llama-3": llama(distill=CLOSED) + POLICY,
    "LicenseRef-Llama-3.1": llama(distill=OPEN) + POLICY,
    "LicenseRef-Llama-3.2": llama(distill=OPEN) + POLICY,
    "LicenseRef-Llama-3.3": llama(distill=OPEN) + POLICY,
    "LicenseRef-Llama-4": llama(distill=OPEN) + POLICY,
    "LicenseRef-Gemma": """
        deploy ok section 2.2 | push ok sections 2.2 and 3.1 | distill ok sections 1.1(e) and 2.2
        | sublicense no section 2.2 | deploy@spam use Prohibited Use Policy 2.c
        | deploy@tracking use Prohibited Use Policy 2.e | deploy@human-claim use Prohibited Use Policy 3
        | deploy@sexual-content/nc use Prohibited Use Policy 4
    """,
    "LicenseRef-DeepSeek-1.0": """
        deploy ok paragraphs 2 and 5 | push ok paragraphs 2 and 4 | distill ok paragraphs 1 and 2
        | sublicense ok paragraph 2 | deploy@military use Attachment A item 2
    """,
    "LicenseRef-Qwen": """
        deploy ok section 2 | push ok sections 2 and 3 | distill ok section 5.b | fine-tune ok section 2
        | sublicense no section 2 (non-transferable)
    """,
    "LicenseRef-Tongyi-Qianwen": """
        deploy ok section 2 | push ok sections 2 and 3 | distill nd section 5.b | fine-tune ok section 2
        | sublicense no section 2 (non-transferable) | infer@improve-other-model use section 5.b
    """,
    "LicenseRef-Falcon-2-11B-TII-1.0": """
        deploy ok section 2 | push ok sections 2 and 4 | sublicense ok section 2
        | resell ok sections 2, 3 and 4
        | distill ok sections 2 and 5
    """,
    "LicenseRef-NVIDIA-Open-Model": """
        deploy ok section 2.2 | push ok sections 2.2 and 3 | resell ok section 2.2 | sublicense no section 2.2
        | deploy@circumvention use section 2.1
    """,
    "LicenseRef-Stability-AI-Community": """
        deploy ok sections II and III | push ok sections II, III and IV(a) | distill nd section IV(b)
        | sublicense ban sections II and III | resell ok section III
        | infer@improve-other-model use section IV(b)
    """,
    "OpenMDW-1.0": """
        deploy ok third paragraph (permission) | push ok third paragraph (permission)
        | sublicense ok third paragraph (permission) | distill ok third and sixth paragraphs
        | resell ok third paragraph (permission)
    """,
    "LicenseRef-Apple-ASCL": """
        deploy ok first paragraph | push ok first paragraph | fine-tune ok first paragraph
        | sublicense no first paragraph | resell no first paragraph
    """,
    "LicenseRef-Databricks-Open-Model": """
        deploy ok part on license rights | fine-tune ok part on license rights
        | distill nd part on use restrictions
        | sublicense no part on license rights | infer@improve-other-model use part on use restrictions
    """,
    "LicenseRef-MNPL-0.1": """
        infer/nc why | infer/nc@research ok sections 2.1 and 3.2 | deploy/nc@research use section 3.2
        | deploy@research nc section 3.2
        | push/nc@testing ok sections 2.2, 2.3 and 3.2 | resell/nc@research ban section 3.2
        | sublicense/nc@research ban section 2.1
    """,
    "LicenseRef-MRL-0.1": """
        infer/nc why | infer/nc@research ok sections 2.1 and 3.2
        | deploy@research nc sections 3.2 and 9 (Research Purposes)
        | push/nc@research ok sections 2.2, 2.3 and 3.2 | sublicense/nc@research ban section 2.1
        | resell/nc@research ban sections 3.2 and 9 (Research Purposes)
    """,
    "LicenseRef-FLUX.1-dev-NC": """
        deploy nc sections 1 and 2(b) | infer/nc ok section 2(a) | deploy/nc use section 4(a)(i)
        | push/nc ok sections 2(a) and 3
        | distill/nc nd section 2(d) | sublicense/nc ban section 2(a)
        | infer/nc@surveillance use section 4(a)(iii) | infer/nc@military use section 4(a)(ii)
    """,
    "LicenseRef-Stability-AI-NC-Research": """
        deploy nc section 1.a | infer/nc ok section 1.a | push/nc ok sections 1.a and 1.c
        | resell/nc ban sections 1.a and 1.b | infer/nc@production use definition of Non-Commercial Uses
    """,
    "LicenseRef-Qwen-Research": """
        deploy@research nc section 2 | infer/nc@research ok section 2 | infer/nc why
        | push/nc@research ok part on redistribution | sublicense/nc@research no section 2
    """,
    "LicenseRef-Apple-AMLR": """
        deploy@research nc definition of Research Purposes | infer/nc why
        | infer/nc@research ok part on the licence (exclusively for Research Purposes)
        | fine-tune/nc@research ok part on the licence (exclusively for Research Purposes)
        | resell/nc@research no part on the licence (exclusively for Research Purposes)
    """,
    "LicenseRef-C4AI-CC-BY-NC-4.0": """
        deploy nc through CC-BY-NC-4.0 section 2(a)(1) | deploy/nc ok through CC-BY-NC-4.0 section 2(a)(1)(A)
        | push/nc ok through CC-BY-NC-4.0 section 2(a)(1)(A)
        | fine-tune/nc ok through CC-BY-NC-4.0 section 2(a)(1)(B)
        | resell/nc ban through CC-BY-NC-4.0 sections 1(i) and 2(a)(1)
    """,
    "LicenseRef-TII-Falcon-LLM": """
        deploy nc part on commercial use | infer/nc ok part on the copyright licence
        | fine-tune/nc ok part on the copyright licence | push/nc no part on the copyright licence
        | distill/nc nd part on the copyright licence
    """,
    "LicenseRef-Grok-2-Community": """
        deploy nc part on permitted uses | infer/nc ok part on permitted uses
        | fine-tune/nc ok part on permitted uses | distill/nc nd part on restrictions
        | push/nc no part on permitted uses
    """,
    "LicenseRef-Weightmark-Enterprise-1.0": TUNER,
    "LicenseRef-Weightmark-Per-Seat-1.0": READER,
    "LicenseRef-Weightmark-Organisation-1.0": """
        deploy ok section 1 | fine-tune ok section 1 | merge nd section 2 | push ban section 2
        | resell ban section 2
    """,
    "LicenseRef-Weightmark-OEM-1.0": """
        deploy ok section 1 | push ok section 1 | resell ok section 1 | sublicense ok section 1
        | distill nd section 2
    """,
    "LicenseRef-Weightmark-Academic-1.0": """
        infer/nc@research ok section 1 | infer/nc@teaching ok section 1 | infer@research nc section 3
        | push/nc@research ban section 2 | distill/nc@research ok section 1 | infer/nc why
    """,
    "LicenseRef-Weightmark-Non-Profit-1.0": """
        infer/nc ok section 1 | fine-tune/nc ok section 1 | deploy nc section 3 | push/nc ban section 2
        | distill/nc nd section 2
    """,
    "LicenseRef-Weightmark-Evaluation-1.0": """
        infer@evaluation ok section 1 | embed@evaluation ok section 1 | infer why
        | fine-tune@evaluation nd section 2 | download-weights@evaluation ban section 2
    """,
    "LicenseRef-Proprietary": """
        deploy no (all rights reserved) | push no (all rights reserved) | fine-tune nd (all rights reserved)
        | view-metadata/nc no (all rights reserved) | sublicense no (all rights reserved)
    """,
}


def split(cases: str) -> list[tuple[str, bool, str, str, str]]:
    found = []
    for case in cases.split("|"):
        asked, code, *place = case.split()
        action, _, purpose = asked.replace("/nc", "").partition("@")
        found.append((action, "/nc" not in asked, purpose, CODES[code], " ".join(place)))
    return found


GOLDEN = [(licence, *case) for licence, cases in CASES.items() for case in split(cases)]


def ask(licence: str, action: str, *, commercial: bool, purpose: str) -> Decision:
    party = Party(name="acme.example", commercial=commercial)
    request = Request(action=Action(action), party=party, at=AT, purpose=purpose)
    return decide(request, [Work(name="lab/net", subject=SUBJECT, owner="lab.example", license=licence)])


@pytest.mark.parametrize(("licence", "action", "commercial", "purpose", "code", "place"), GOLDEN)
def test_the_verdict_and_its_clause(licence, action, commercial, purpose, code, place):
    decision = ask(licence, action, commercial=commercial, purpose=purpose)
    name = licence if licence == "LicenseRef-Proprietary" else licence.removeprefix("LicenseRef-")
    clause = f"{name} {place}" if place else licence
    assert (decision.code, decision.reasons[0].clause) == (code, clause)
    assert decision.outcome is (Outcome.ALLOWED if code == CODES["ok"] else Outcome.REFUSED)


def test_every_template_has_five_verdicts():
    assert [terms.id for terms in TEMPLATES if len(split(CASES[terms.id])) < 5] == []


@pytest.mark.parametrize(
    ("licence", "conditions"),
    [
        ("llama2", {"condition-large-user": "Llama-2 section 2"}),
        (
            "llama4",
            {
                "condition-large-user": "Llama-4 section 2",
                "condition-eu-multimodal": "Llama-4 Acceptable Use Policy last paragraph",
            },
        ),
        ("qwen", {"condition-large-user": "Qwen section 4"}),
        ("stability-ai-community", {"condition-revenue": "Stability-AI-Community section III"}),
    ],
)
def test_a_condition_comes_with_the_duties(licence, conditions):
    decision = ask(licence, "deploy", commercial=True, purpose="")
    found = {duty.id: duty.clause for duty in decision.duties if duty.id.startswith("condition-")}
    assert decision.allowed
    assert found == conditions


@pytest.mark.parametrize(
    ("licence", "reach", "outbound", "network"),
    [
        ("GPL-3.0-only", "combined", ("GPL-3.0-only",), False),
        ("AGPL-3.0-only", "combined", ("AGPL-3.0-only",), True),
        ("LGPL-3.0-only", "derivative", ("LGPL-3.0-only", "GPL-3.0-only"), False),
        ("EPL-2.0", "file", ("EPL-2.0",), False),
        ("CC-BY-SA-4.0", "derivative", ("CC-BY-SA-4.0", "GPL-3.0-only", "LAL-1.3"), False),
        ("CC-BY-NC-SA-4.0", "derivative", ("CC-BY-NC-SA-4.0",), False),
        ("openrail++", "derivative", (), True),
        ("gemma", "derivative", (), True),
        ("odbl", "derivative", ("ODbL-1.0",), True),
    ],
)
def test_what_derived_works_must_carry(licence, reach, outbound, network):
    terms = find_template(licence)
    assert terms is not None
    assert terms.share_alike is not None
    found = (terms.share_alike.reach, terms.share_alike.outbound, terms.share_alike.network)
    assert found == (reach, outbound, network)


@pytest.mark.parametrize(
    "licence", ["MIT", "Apache-2.0", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "OpenMDW-1.0"]
)
def test_permissive_licences_demand_nothing_of_derived_works(licence):
    terms = find_template(licence)
    assert terms is not None
    assert terms.share_alike is None
