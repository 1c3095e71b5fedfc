"""Golden answers: works, how they come together, the use, and what the texts say to it, with the clause."""

from typing import NamedTuple

import pytest

from weightmark.licensing import Joining, parse_use, weigh_together


class Case(NamedTuple):
    works: str
    joining: str
    use: str
    verdict: str
    code: str
    clause: str = ""


COMMERCIAL = "fine-tune and serve commercially"
CASES = [
    # Permissive licences meet everything, and ask for notices.
    Case("mit apache-2.0", "derivative", "publish", "duties", "permitted", "Apache-2.0 sections 2 and 4"),
    Case("mit apache-2.0", "derivative", "run internally", "allowed", "permitted", "Apache-2.0 section 2"),
    Case("mit bsd-3-clause", "merge", "merge and sell", "duties", "permitted", "MIT first paragraph"),
    Case("cc0-1.0", "merge", "publish commercially", "allowed", "permitted", "CC0-1.0 sections 2 and 3"),
    Case("openmdw-1.0 mit", "merge", COMMERCIAL, "allowed", "permitted", "OpenMDW-1.0"),
    # NonCommercial.
    Case(
        "apache-2.0 cc-by-nc-4.0", "merge", "serve commercially", "refused", "non-commercial", "sections 1(i)"
    ),
    Case("apache-2.0 cc-by-nc-4.0", "merge", "serve commercially", "refused", "non-commercial", "2(a)(1)"),
    Case("apache-2.0 cc-by-nc-4.0", "merge", "publish for research", "duties", "permitted", "CC-BY-NC-4.0"),
    Case("cc-by-nc-4.0", "derivative", "fine-tune and publish", "unknown", "commercial-unsaid", "2(a)(1)"),
    Case("cc-by-nc-4.0", "agent", "serve commercially", "refused", "non-commercial", "CC-BY-NC-4.0"),
    Case(
        "cc-by-nc-4.0 gpl-3.0",
        "merge",
        "publish for research",
        "refused",
        "non-commercial-onward",
        "section 10",
    ),
    Case(
        "cc-by-nc-sa-4.0 cc-by-sa-4.0", "merge", "publish for research", "refused", "share-alike", "3(b)(1)"
    ),
    Case(
        "cc-by-nc-sa-4.0 cc-by-4.0", "merge", "publish for research", "duties", "permitted", "CC-BY-NC-SA-4.0"
    ),
    Case(
        "flux-1-dev-non-commercial-license",
        "derivative",
        "sell",
        "refused",
        "non-commercial",
        "FLUX.1-dev-NC",
    ),
    Case("LicenseRef-MRL-0.1", "derivative", "fine-tune for research", "duties", "permitted", "MRL-0.1"),
    Case("LicenseRef-MRL-0.1", "derivative", COMMERCIAL, "refused", "non-commercial", "MRL-0.1"),
    Case(
        "LicenseRef-MNPL-0.1", "derivative", "run non-commercially", "unknown", "purpose-unsaid", "MNPL-0.1"
    ),
    Case("LicenseRef-MNPL-0.1", "derivative", "run for teaching", "refused", "outside-purpose", "MNPL-0.1"),
    # NoDerivatives.
    Case("cc-by-nd-4.0", "derivative", "fine-tune and publish", "refused", "no-derivatives", "2(a)(1)(B)"),
    Case("cc-by-nd-4.0", "derivative", "fine-tune internally", "duties", "adaptation-private", "2(a)(1)(B)"),
    Case("cc-by-nd-4.0 mit", "combine", "publish commercially", "duties", "permitted", "CC-BY-ND-4.0"),
    Case("cc-by-nc-nd-4.0", "merge", "merge and serve commercially", "refused", "non-commercial", "1(h)"),
    Case("cc-by-nd-4.0", "train-data", "train and publish", "unknown", "data-unsettled", "CC-BY-ND-4.0"),
    # Copyleft.
    Case("gpl-3.0 mit", "derivative", "publish", "duties", "permitted", "GPL-3.0-only"),
    Case(
        "gpl-2.0-only apache-2.0",
        "derivative",
        "publish",
        "refused",
        "further-restrictions",
        "Apache-2.0 section 3",
    ),
    Case("gpl-2.0-or-later apache-2.0", "derivative", "publish", "duties", "permitted", "Apache-2.0"),
    Case(
        "gpl-2.0-only gpl-3.0-only", "merge", "publish", "refused", "share-alike", "GPL-3.0-only section 5(c)"
    ),
    Case("gpl-2.0-only gpl-3.0-only", "merge", "run internally", "allowed", "permitted", "GPL-3.0-only"),
    Case("gpl-3.0 cc-by-sa-4.0", "merge", "publish", "duties", "permitted", "CC-BY-SA-4.0"),
    Case("agpl-3.0", "derivative", "fine-tune and serve", "duties", "permitted", "AGPL-3.0-only"),
    Case("agpl-3.0 gpl-2.0-only", "merge", "serve", "refused", "share-alike", "sections 5(c) and 13"),
    Case("gpl-3.0 gpl-2.0-only", "merge", "serve", "allowed", "permitted", "GPL-3.0-only"),
    Case("lgpl-2.1 mit", "combine", "publish", "duties", "permitted", "LGPL-2.1-only"),
    Case("lgpl-3.0 gpl-2.0-only", "combine", "publish", "refused", "share-alike", "LGPL-3.0-only section 2"),
    Case("mpl-2.0 epl-2.0", "merge", "publish", "refused", "share-alike", "MPL-2.0 sections 3.1 and 3.3"),
    Case("mpl-2.0 epl-2.0", "combine", "publish", "duties", "permitted", "MPL-2.0"),
    # Responsible AI licences: no copyleft licence can carry their restrictions.
    Case(
        "gpl-3.0 openrail",
        "merge",
        "merge and publish",
        "refused",
        "further-restrictions",
        "GPL-3.0-only section 10",
    ),
    Case(
        "gpl-3.0 openrail", "merge", "merge and publish", "refused", "further-restrictions", "paragraph 4(a)"
    ),
    Case("gpl-3.0 openrail", "merge", "merge and serve", "duties", "not-onward", "paragraph 4(a)"),
    Case(
        "agpl-3.0 openrail",
        "merge",
        "merge and serve",
        "refused",
        "further-restrictions",
        "AGPL-3.0-only section 10",
    ),
    Case("cc-by-sa-4.0 openrail", "merge", "publish", "refused", "further-restrictions", "2(a)(5)(C)"),
    Case("mit openrail++", "merge", "publish commercially", "duties", "permitted", "OpenRAIL-PlusPlus-M"),
    Case(
        "bigcode-openrail-m",
        "derivative",
        "serve for medical-advice",
        "refused",
        "use-restricted",
        "Attachment A",
    ),
    Case("bigscience-openrail-m", "derivative", COMMERCIAL, "duties", "permitted", "paragraphs 2 and 5"),
    # Licences of model makers.
    Case("llama3.1", "derivative", COMMERCIAL, "duties", "condition", "Llama-3.1 section 2"),
    Case("llama3.1", "distill", "distill and publish", "duties", "permitted", "Llama-3.1 section 1.b.i"),
    Case("llama2", "distill", "distill", "refused", "not-permitted", "Llama-2 section 1.b.v"),
    Case("llama3", "distill", "distill and serve", "refused", "use-restricted", "Llama-3 section 1.b.v"),
    Case(
        "llama3.1 gpl-3.0", "merge", "publish", "refused", "further-restrictions", "GPL-3.0-only section 10"
    ),
    Case("llama3.1 gemma", "merge", "publish", "duties", "own-terms", "Gemma"),
    Case("llama3.1 cc-by-nc-4.0", "merge", "serve commercially", "refused", "non-commercial", "CC-BY-NC-4.0"),
    Case(
        "llama3.1 cc-by-nc-sa-4.0",
        "merge",
        "publish for research",
        "refused",
        "further-restrictions",
        "2(a)(5)(C)",
    ),
    Case(
        "llama3.1",
        "derivative",
        "serve for military",
        "refused",
        "use-restricted",
        "Acceptable Use Policy 2.a",
    ),
    Case("gemma", "derivative", "fine-tune and publish", "duties", "permitted", "Gemma sections 2.2 and 3.1"),
    Case("gemma", "distill", "distill and publish", "duties", "permitted", "Gemma sections 1.1(e) and 2.2"),
    Case("deepseek mit", "merge", COMMERCIAL, "duties", "permitted", "DeepSeek-1.0"),
    Case("LicenseRef-Qwen gpl-3.0", "merge", "publish", "refused", "further-restrictions", "Qwen section 4"),
    Case("LicenseRef-Qwen", "distill", "distill and publish", "duties", "condition", "Qwen section 5.b"),
    Case("LicenseRef-Tongyi-Qianwen", "distill", "distill", "refused", "not-permitted", "section 5.b"),
    Case("LicenseRef-Stability-AI-Community", "derivative", COMMERCIAL, "duties", "condition", "section III"),
    Case(
        "LicenseRef-Stability-AI-NC-Research", "derivative", "serve for research", "refused", "no-hosting", ""
    ),
    Case(
        "LicenseRef-Proprietary",
        "derivative",
        "run internally",
        "refused",
        "not-permitted",
        "all rights reserved",
    ),
    # Data, code and outputs are other works than weights.
    Case("cc-by-sa-4.0", "train-data", "train and publish", "duties", "adaptation-unsettled", "3(b)(1)"),
    Case(
        "data:cc-by-sa-4.0 gpl-2.0",
        "derivative",
        "fine-tune and publish",
        "unknown",
        "data-unsettled",
        "3(b)(1)",
    ),
    Case(
        "cc-by-nc-4.0", "train-data", "train and serve commercially", "refused", "non-commercial", "2(a)(1)"
    ),
    Case("cc-by-4.0", "train-data", "train and publish commercially", "duties", "permitted", "CC-BY-4.0"),
    Case("odbl", "train-data", "train and publish", "duties", "result-free", "ODbL-1.0"),
    Case("cdla-sharing-1.0", "train-data", "train and publish", "allowed", "result-free", "section 3.5"),
    Case("data:odbl data:cc-by-sa-4.0", "merge", "publish", "refused", "share-alike", "sections 4.4 and 4.5"),
    Case("code:gpl-3.0 llama3.1", "derivative", "publish", "duties", "code-beside", "GPL-3.0-only"),
    Case("code:gpl-3.0 openrail", "combine", "publish", "duties", "code-beside", "GPL-3.0-only"),
    Case(
        "gpl-3.0 openrail", "combine", "publish", "refused", "further-restrictions", "GPL-3.0-only section 10"
    ),
    Case("code:gpl-3.0 code:mit", "derivative", "publish", "duties", "permitted", "GPL-3.0-only"),
    Case("outputs:llama2 apache-2.0", "derivative", "publish", "refused", "not-permitted", "section 1.b.v"),
    Case("gpl-3.0", "distill", "distill and publish", "allowed", "outputs-free", "GPL-3.0-only section 5(c)"),
    Case("gpl-3.0 llama3.1 cc-by-4.0", "agent", "run internally", "duties", "permitted", "GPL-3.0-only"),
    # Choices, all of several, exceptions, the unknown.
    Case("mit|OR|gpl-2.0-only apache-2.0", "derivative", "publish", "duties", "chosen", "MIT"),
    Case("mit|AND|cc-by-nc-4.0", "derivative", "serve commercially", "refused", "non-commercial", "CC-BY-NC"),
    Case("no-such-licence mit", "merge", "publish", "unknown", "unknown-licence", ""),
    Case("none", "derivative", "publish", "unknown", "no-licence", ""),
    Case("no-such-licence cc-by-nc-4.0", "merge", "sell", "refused", "non-commercial", "2(a)(1)"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.works} {case.joining} {case.use}")
def test_the_texts_say(case: Case) -> None:
    works = [work.replace("|", " ") for work in case.works.split()]
    answer = weigh_together(works, parse_use(case.use), Joining(case.joining))
    assert answer.verdict == case.verdict, answer.reasons
    assert case.code in {reason.code for reason in answer.reasons}
    assert case.clause in " ".join(answer.clauses), answer.clauses


def test_a_merge_of_open_models_may_carry_many_licences() -> None:
    answer = weigh_together(["mit", "apache-2.0"], parse_use("publish"), Joining.MERGE)
    assert {"MIT", "Apache-2.0", "GPL-3.0-only", "CC-BY-4.0", "LicenseRef-Proprietary"} <= set(
        answer.outbound
    )
    assert "GPL-2.0-only" not in answer.outbound
    assert not [name for name in answer.outbound if "Llama" in name or "ODbL" in name]


@pytest.mark.parametrize(
    ("works", "outbound"),
    [
        (["mit", "gpl-3.0"], ("GPL-3.0-only",)),
        (["cc-by-sa-4.0", "mit"], ("CC-BY-SA-4.0", "GPL-3.0-only")),
        (["gpl-2.0-or-later", "apache-2.0"], ("GPL-3.0-only", "GPL-3.0-or-later")),
        (["openrail++", "mit"], ("LicenseRef-CreativeML-OpenRAIL-M", "LicenseRef-OpenRAIL-PlusPlus-M")),
        (["llama3.1"], ("LicenseRef-Llama-3.1",)),
        (["cc-by-nd-4.0"], ()),
        (["gpl-2.0-only", "gpl-3.0-only"], ()),
    ],
)
def test_the_result_may_carry_what_all_allow(works: list[str], outbound: tuple[str, ...]) -> None:
    answer = weigh_together(works, parse_use("publish"), Joining.MERGE)
    assert set(outbound) <= set(answer.outbound)
    if len(outbound) < 2 or "GPL" in outbound[-1]:
        assert answer.outbound == outbound
