"""``weightmark license compat``."""

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell, write_model

from weightmark.licensing import find_template

NC = ("cc-by-nc-4.0", "apache-2.0")


@pytest.mark.parametrize(
    ("args", "code", "verdict"),
    [
        (("mit", "--use", "run internally"), 0, "allowed"),
        (("mit", "apache-2.0"), 0, "duties"),
        ((*NC, "--use", "serve commercially", "--as", "merge"), 4, "refused"),
        (("apach-2.0",), 5, "unknown"),
    ],
)
def test_the_exit_code_is_the_verdict(shell: Shell, args: tuple[str, ...], code: int, verdict: str) -> None:
    answer = shell.json("license", "compat", *args, code=code)
    holds("license-compat", answer)
    assert answer["verdict"] == verdict


def test_the_answer_has_these_members_and_no_others(shell: Shell) -> None:
    answer = shell.json("license", "compat", "mit")
    assert set(answer) == {"schema", "verdict", "reasons", "clauses", "duties", "outbound", "use"}
    assert answer["use"] == {
        "as": "derivative",
        "commercial": None,
        "does": ["redistribute"],
        "network": False,
        "purposes": [],
        "shares": True,
        "text": "publish",
    }


def test_a_person_reads_the_clauses_the_duties_and_what_the_result_may_carry(shell: Shell) -> None:
    text = shell.run("license", "compat", "gpl-3.0", "mit", "--as", "merge").stdout
    assert "Allowed with duties (merge): gpl-3.0, mit." in text
    assert "[GPL-3.0-only section 5(c)]" in text
    assert "The result may carry: GPL-3.0-only." in text
    refused = shell.run("license", "compat", *NC, "--use", "sell", code=4).stdout
    assert "Refused (derivative)" in refused
    assert "sections 1(i) and 2(a)(1)" in refused
    unknown = shell.run("license", "compat", "apach-2.0", code=5).stdout
    assert "It cannot be known" in unknown
    assert "Did you mean Apache-2.0?" in unknown
    assert "Allowed (agent)" in shell.run("license", "compat", "mit", "--as", "agent").stdout


def test_words_that_are_not_known_are_named(shell: Shell) -> None:
    stderr = shell.fail("license", "compat", "mit", "--use", "srve and frobnicate", code=1)
    assert "'srve', 'frobnicate'" in stderr
    assert "Did you mean serve?" in stderr


def test_a_file_of_terms_is_weighed_and_its_purposes_are_words(shell: Shell) -> None:
    terms = find_template("mit")
    assert terms is not None
    body = {**terms.to_json(), "id": "LicenseRef-Ours", "purposes": ["weather"]}
    (shell.folder / "ours.json").write_text(json.dumps(body), encoding="utf-8")
    answer = shell.json("license", "compat", "ours.json", "--use", "publish for weather")
    assert answer["verdict"] == "duties"
    assert "LicenseRef-Ours" in answer["outbound"]
    assert shell.json("license", "compat", "ours.json", "mit", code=5)["verdict"] == "unknown"
    refused = shell.json("license", "compat", "weights:ours.json", "--use", "publish for military", code=4)
    assert refused["reasons"][0]["code"] == "outside-purpose"


def test_a_damaged_file_of_terms_is_an_error(shell: Shell) -> None:
    (shell.folder / "bad.json").write_text("{", encoding="utf-8")
    assert "bad.json" in shell.run("license", "compat", "bad.json", code=1).stderr


def test_a_registered_model_is_weighed_with_its_lineage(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    child = write_model(shell.folder / "child", {"x": [7.0]})
    shell.run("register", child, "--license", "mit", "--base", "churn")
    for reference in ("child", child):
        answer = shell.json("license", "compat", reference, "--use", "serve commercially", code=4)
        assert {reason["work"] for reason in answer["reasons"]} == {"churn", "child"}
    distilled = shell.json("license", "compat", "child", "mit", "--use", "research", "--as", "distill")
    assert distilled["verdict"] == "allowed"
    trained = shell.json(
        "license", "compat", "child", "odbl", "--use", "train for research", "--as", "train-data"
    )
    assert trained["verdict"] == "allowed"


def test_a_folder_that_nobody_registered_says_no_licence(shell: Shell, model: Path) -> None:
    answer = shell.json("license", "compat", model, code=5)
    assert answer["reasons"][0]["code"] == "no-licence"


def test_an_expression_with_a_choice_takes_the_best(shell: Shell) -> None:
    answer = shell.json("license", "compat", "mit OR gpl-2.0-only", "apache-2.0")
    assert any(reason["code"] == "chosen" for reason in answer["reasons"])
    assert "Apache-2.0" in answer["outbound"]


PAGE = (Path(__file__).parents[3] / "docs/how-to/check-compatibility.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```console\n\$ weightmark (.*?)```", PAGE, re.DOTALL))
def test_the_page_shows_what_is_answered(shell: Shell, block: str) -> None:
    line, _, expected = block.partition("\n")
    assert shell.call(*shlex.split(line)).stdout.startswith(expected)


def test_the_code_on_the_page_runs() -> None:
    code = PAGE.partition("```python\n")[2].partition("```")[0]
    assert "assert" in code
    exec(compile(code, "check-compatibility.md", "exec"), {})


def test_what_a_stranger_wrote_does_not_reach_the_terminal(shell: Shell) -> None:
    body = {
        "id": "LicenseRef-\x1b[2J",
        "commercial": True,
        "permissions": ["fine-tune", "redistribute"],
        "duties": [{"id": "sing", "sentence": "Sing \x1b[2J.", "clause": "\x1b[2J"}],
    }
    (shell.folder / "hostile.json").write_text(json.dumps(body), encoding="utf-8")
    text = shell.run("license", "compat", "hostile.json").stdout
    assert "Sing" in text
    assert "\x1b[2J" not in text
